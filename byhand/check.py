"""Is what I built right? Checks that chapters, exercises and homeworks share.

Every check raises ``AssertionError`` with a message that says what is wrong and
what to look at. No message ever prints an expected value, so the same checks serve
in hidden tests.

- :func:`close`          two values agree, shape first
- :func:`numerical_vjp`  vector–Jacobian product by central differences
- :func:`gradients`      a backward pass agrees with the numerical one, or autograd's
- :func:`same_as_torch`  a layer by hand agrees with a torch function or module,
  forward and backward
- :func:`unchanged`      a call leaves its arguments as they were
- :func:`generator`      random numbers for a test, the same at every run
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import vjp

T = TypeVar("T")
# relative and absolute tolerance by dtype: rounding of a few hundred operations
TOLERANCES = {
    torch.float64: (1e-7, 1e-9),
    torch.float32: (1e-4, 1e-6),
    torch.bfloat16: (2e-2, 1e-3),
    torch.float16: (5e-3, 1e-4),
}


def close(
    actual: Any,
    expected: Any,
    name: str = "your result",
    rtol: float | None = None,
    atol: float | None = None,
    hints: Mapping[str, object] | Callable[[], Mapping[str, object]] | None = None,
) -> None:
    """Assert that ``actual`` equals ``expected``: type, shape, then values.

    Values agree where ``|actual − expected| ≤ atol + rtol · |expected|``. The
    tolerance follows the coarser of the two dtypes unless it is given.

    Args:
        actual: tensor, array, number, or a tuple, list or dict of these.
        expected: the same; tuples, lists and dicts are compared item by item.
        name: what to call ``actual`` in the message, e.g. ``"dW"``.
        rtol, atol: relative and absolute tolerance.
        hints: what known mistakes give, by the words to say when ``actual`` is
            that, e.g. ``{"The bias is not added.": x @ W.T}``; or a function that
            returns them, which is called only if ``actual`` is wrong.

    Raises:
        AssertionError: they differ; the message names the shape, the share of wrong
            entries, the first wrong one, and what the difference looks like
            (transposed, wrong sign, scaled, shifted), never an expected value. Or
            ``actual`` is no tensor, array or number where one is expected.
    """
    if hints:
        try:
            close(actual, expected, name, rtol, atol)
        except AssertionError as error:
            for words, mistake in (hints() if callable(hints) else hints).items():
                if _agree(actual, mistake, rtol, atol):
                    raise AssertionError(f"{name} is wrong. {words}") from None
            raise error from None
        return
    if isinstance(expected, Mapping):
        _require(isinstance(actual, Mapping), f"{name} must be a dict.{_got(actual)}")
        for key in expected:
            _require(key in actual, f"{name} has no entry {key!r}.")
            close(actual[key], expected[key], f"{name}[{key!r}]", rtol, atol)
        return
    if isinstance(expected, (tuple, list)):
        n = len(expected)
        many = isinstance(actual, (tuple, list))
        _require(many, f"{name} must be a tuple of {n} values.{_got(actual)}")
        _require(len(actual) == n, f"{name} has {len(actual)} values, expected {n}.")
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            close(a, e, f"{name}[{i}]", rtol, atol)
        return

    a, e = _tensor(actual, name), _tensor(expected, "the expected value")
    shapes = f"{name} has shape {_shape(a)}, expected {_shape(e)}"
    if a.shape != e.shape:
        _require(False, f"{shapes}.{_shape_hint(a, e)}")
    default_rtol, default_atol = _tolerance(a, e)
    rtol = default_rtol if rtol is None else rtol
    atol = default_atol if atol is None else atol
    a, e = a.double(), e.double()
    if torch.allclose(a, e, rtol=rtol, atol=atol):
        return
    wrong = ~torch.isclose(a, e, rtol=rtol, atol=atol, equal_nan=False)
    wrong &= ~(a.isnan() & e.isnan())
    if not wrong.any():
        return
    count, total = int(wrong.sum()), wrong.numel()
    if total == 1:
        message = f"{name} is wrong."
    else:
        first = tuple(int(i) for i in wrong.nonzero()[0])
        index = ", ".join(map(str, first))
        message = f"{name} is wrong in {count} of {total} entries, first at [{index}]."
    raise AssertionError(message + _value_hint(a, e, rtol, atol))


def numerical_vjp(
    f: Callable,
    inputs: Sequence[Tensor],
    grad_output: Any = None,
    eps: float = 1e-5,
) -> list[Tensor]:
    r"""Gradients of :math:`\langle v, f(x_1, …, x_n) \rangle` by central differences.

    For each entry, :math:`(\langle v, f(x + ε)\rangle - \langle v, f(x − ε)\rangle)
    / 2ε`, in float64: the error is O(ε²) plus rounding of O(1e-16/ε).

    Args:
        f: function of ``len(inputs)`` tensors that returns one tensor or number.
        inputs: tensors of any shape; each is converted to float64.
        grad_output: :math:`v`, of the shape of f's result; default: ones.
        eps: step ε.

    Returns:
        One float64 tensor per input, of its shape, on the CPU.

    Raises:
        ValueError: ``grad_output`` has another shape than what ``f`` returns.
        AssertionError: ``f`` returns neither a tensor nor a number.
    """
    # fresh and contiguous, so that .view(-1) writes into what f gets a copy of
    inputs = [
        x.detach().to("cpu", torch.float64, copy=True).contiguous() for x in inputs
    ]

    v = None if grad_output is None else torch.as_tensor(grad_output).double().cpu()

    def value() -> float:
        out = _tensor(f(*(x.clone() for x in inputs)), "the value of f").double()
        if v is None:
            return float(out.sum())
        if v.shape != out.shape:
            raise ValueError(
                f"grad_output has shape {_shape(v)}, but f returns {_shape(out)}."
            )
        return float((out * v).sum())

    grads = []
    for x in inputs:
        grad = torch.zeros_like(x)
        flat, slopes = x.view(-1).numpy(), grad.view(-1).numpy()
        for i in range(x.numel()):
            saved = flat[i]
            flat[i] = saved + eps
            above = value()
            flat[i] = saved - eps
            below = value()
            flat[i] = saved
            slopes[i] = (above - below) / (2 * eps)
        grads.append(grad)
    return grads


def gradients(
    f: Callable,
    inputs: Sequence[Tensor],
    grads: Sequence[Tensor],
    grad_output: Any = None,
    names: Sequence[str] | None = None,
    eps: float | None = 1e-5,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Assert that a backward pass agrees with finite differences, or with autograd.

    Args:
        f: the forward function, of ``len(inputs)`` tensors (float64 inside).
        inputs: tensors of any shape, where to check; keep them small, the cost is two
            calls of ``f`` per entry.
        grads: what the backward pass returned for each input, of its shape, for
            ``grad_output``.
        grad_output: upstream gradient, of the shape of f's result; default: ones.
        names: what to call each gradient in messages, e.g. ``["dx", "dW", "db"]``.
        eps: step of the differences; None: by PyTorch's autograd instead, which is
            exact and calls ``f``, made of PyTorch's functions, once.

    Raises:
        AssertionError: as :func:`close`; or ``grads`` is not one value per input.
        ValueError: the numbers of inputs and names differ, or ``grad_output`` has
            another shape than what ``f`` returns.

    Source: https://docs.pytorch.org/docs/stable/notes/gradcheck.html
    """
    names = names or [f"gradient {i}" for i in range(len(inputs))]
    if len(inputs) != len(names):
        raise ValueError(f"{len(inputs)} inputs, but {len(names)} names.")
    wanted = f"the backward pass must return ({', '.join(names)})"
    _require(isinstance(grads, (tuple, list)), f"{wanted}.{_got(grads)}")
    _require(
        len(grads) == len(names), f"{wanted}: {len(names)} values, not {len(grads)}."
    )
    if eps is None:
        inputs = tuple(x.detach().cpu().double() for x in inputs)
        if grad_output is None:
            _, expected = vjp(lambda *args: f(*args).sum(), inputs)
        else:
            _, expected = vjp(f, inputs, torch.as_tensor(grad_output).cpu().double())
    else:
        expected = numerical_vjp(f, inputs, grad_output, eps)
    for grad, value, name in zip(grads, expected, names, strict=True):
        close(_tensor(grad, name).double(), value, name, rtol, atol)


def same_as_torch(
    forward: Callable,
    backward: Callable | None,
    reference: Callable,
    inputs: Sequence[Tensor],
    names: Sequence[str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> None:
    """Assert that a layer by hand equals torch's, forward and backward.

    Args:
        forward: ``forward(*inputs)`` by hand, returning one tensor.
        backward: ``backward(grad_output)``, called after ``forward``, returning the
            gradient of each input (one tensor, or a tuple in the inputs' order; None
            for an input to leave out). None checks the forward pass only.
        reference: a torch function or module of the same inputs.
        inputs: tensors of any shape; floating-point ones are differentiated.
        names: what to call the gradients; default ``d0, d1, …``.
        rtol, atol: tolerance, as in :func:`close`.
        seed: of the random upstream gradient.

    Raises:
        AssertionError: as :func:`close`, at the tolerance of the inputs' dtype;
            ``forward`` or ``d…`` names what differs. Or the number of gradients is
            neither that of the inputs nor that of the floating-point ones.
    """
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    expected = reference(*leaves)
    actual = forward(*(x.detach().clone() for x in inputs))
    close(actual, expected.detach(), "forward", rtol, atol)
    if backward is None:
        return
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    v = v.to(expected.device, expected.dtype)
    expected.backward(v)
    grads = backward(v.clone())
    grads = tuple(grads) if isinstance(grads, (tuple, list)) else (grads,)
    names = names or [f"d{i}" for i in range(len(inputs))]
    wanted = [x for x in leaves if x.requires_grad]
    if len(grads) == len(leaves):
        pairs = list(zip(grads, leaves, names, strict=True))
    else:
        n = len(wanted)
        _require(len(grads) == n, f"backward returned {len(grads)} gradients of {n}.")
        named = [m for m, x in zip(names, leaves, strict=True) if x.requires_grad]
        pairs = list(zip(grads, wanted, named, strict=True))
    for grad, leaf, name in pairs:
        if grad is not None and leaf.requires_grad:
            zero = torch.zeros_like(leaf)
            close(grad, zero if leaf.grad is None else leaf.grad, name, rtol, atol)


def unchanged(f: Callable[..., T], *args: object, atol: float = 0.0) -> T:
    """``f(*args)``, asserting that the call leaves every tensor in ``args`` as it was.

    Args:
        f: the function.
        args: what to call it with, in order; what is no tensor is not watched.
        atol: how much an entry may change, e.g. by rounding when it is put back.

    Returns:
        What ``f`` returns.

    Raises:
        AssertionError: an argument was changed in place; the message says which.
    """
    copies = [a.clone() if isinstance(a, Tensor) else a for a in args]
    # where f runs in another process than the test, the grader tells what became of them
    call = getattr(f, "with_arguments", None)
    result, left = call(*args) if call else (f(*args), args)
    for place, (arg, copy) in enumerate(zip(left, copies, strict=True), start=1):
        if isinstance(copy, Tensor):
            same = isinstance(arg, Tensor) and arg.shape == copy.shape
            same = same and arg.dtype == copy.dtype
            if not same or not torch.allclose(arg, copy, 0, atol, equal_nan=True):
                name = getattr(f, "__name__", "the function")
                raise AssertionError(
                    f"{name} changed its argument {place} in place: compute into a new "
                    "tensor (or a clone)."
                )
    return result


def generator(test: str) -> torch.Generator:
    """Random numbers for one test: the same at every run, others for other tests.

    The environment variable ``BYHAND_SEED`` (any text; a grader sets it to the
    homework and the student) gives each submission numbers of its own.

    Args:
        test: the name of the test.

    Returns:
        A generator on the CPU, seeded by 32 bits of the SHA-256 of both.
    """
    text = f"{os.environ.get('BYHAND_SEED', 'practice')}/{test}"
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def _agree(
    actual: object, expected: object, rtol: float | None, atol: float | None
) -> bool:
    try:
        close(actual, expected, rtol=rtol, atol=atol)
    except AssertionError:
        return False
    return True


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _got(value: object) -> str:
    if value is None:
        return " You returned None: is a return statement missing?"
    return f" You returned a {type(value).__name__}."


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    # a Python float is a float64; a bool is not a number that anyone meant
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, (np.ndarray, np.generic)):
        return torch.as_tensor(np.array(value))
    if isinstance(value, bool):
        return torch.tensor(value)
    raise AssertionError(f"{name} must be a tensor or a number.{_got(value)}")


def _shape(t: Tensor) -> str:
    return str(tuple(t.shape))


def _tolerance(*tensors: Tensor) -> tuple[float, float]:
    known = [TOLERANCES[t.dtype] for t in tensors if t.dtype in TOLERANCES]
    # exact for integers and booleans; Python floats compare as what they meet
    return max(known, default=(0.0, 0.0))


def _shape_hint(a: Tensor, e: Tensor) -> str:
    if a.ndim == e.ndim == 2 and a.shape == e.T.shape:
        return " It looks transposed."
    if a.numel() == e.numel() and a.squeeze().shape == e.squeeze().shape:
        return " The sizes agree but for dimensions of 1 (keepdim, squeeze, unsqueeze)."
    if a.ndim == 0:
        return " It was summed or averaged over everything."
    if e.ndim == 0:
        return " It should be one number: sum or average over everything."
    if a.ndim == e.ndim + 1 and a.shape[1:] == e.shape:
        return " The sum over the first (batch) dimension may be missing."
    return ""


def _value_hint(a: Tensor, e: Tensor, rtol: float, atol: float) -> str:
    """What the difference looks like, if it looks like a common mistake."""

    def alike(x: Tensor) -> bool:
        return bool(torch.allclose(x, e, rtol=max(rtol, 1e-5), atol=max(atol, 1e-7)))

    def count(mask: Tensor) -> str:
        n = int(mask.sum())
        return (
            "It is"
            if a.numel() == 1
            else "1 entry is"
            if n == 1
            else f"{n} entries are"
        )

    if a.isnan().any() and not e.isnan().any():
        return f" {count(a.isnan())} NaN (0/0, log of a negative, inf − inf)."
    if a.isinf().any() and not e.isinf().any():
        return f" {count(a.isinf())} infinite (overflow, or a division by 0)."
    if not (a.isfinite().all() and e.isfinite().all()):
        return ""
    if not a.any() and e.any():
        return " It is 0 everywhere."
    if alike(-a):
        return " It has the wrong sign."
    if a.ndim == 2 and a.shape[0] == a.shape[1] and a.numel() > 1 and alike(a.T):
        return " It looks transposed."
    if e.any():
        scale = float((a * e).sum() / (e * e).sum())
        # any one number is a multiple of any other: say so of whole factors only
        factor = max(abs(scale), 1 / abs(scale)) if scale else 0
        telling = a.numel() > 1 or abs(factor - round(factor)) < 1e-4 * factor < 0.01
        if telling and factor > 1.001 and alike(a / scale):
            times = f"{scale:.4g} times" if abs(scale) >= 1 else f"1/{1 / scale:.4g} of"
            return f" It is {times} what it should be, everywhere: a factor is off."
    if a.numel() > 2 and alike(a - (a - e).mean()):
        return " It is off by the same amount everywhere: a term is missing or extra."
    close_enough = (a - e).abs().max() <= 1e-2 * e.abs().max()
    return " It is nearly right: look for a loss of precision." if close_enough else ""
