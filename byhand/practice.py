"""Is my layer right? Ask at any time, and get the smallest case in which it fails, drawn.

    from byhand import practice
    practice.ask(conv2d_forward)

The function is compared with PyTorch on cases that grow from a single number to several
examples, channels and settings. The first that fails is shown with its inputs, what you
return, and what is right: small enough to be worked out with pencil and paper.

What :func:`ask` hands to each function, and what it wants back. Tensors are float64, the
labels int64; an upstream gradient ``dout`` has the shape of the forward result.

========================== ====================================== ==================
layer                      arguments                              result
========================== ====================================== ==================
``linear_forward``         X (N, D), W (M, D), b (M,)             Y (N, M)
``linear_backward``        dout (N, M), X, W                      dX, dW, db
``relu_forward``,          x of any shape                         y, of x's shape
``sigmoid_forward``
``relu_backward``          dout, x                                dx
``cross_entropy_forward``  logits (N, C), labels (N,) in 0..C-1   loss (), the mean
``cross_entropy_backward`` logits, labels                         dlogits (N, C)
``conv2d_forward``         X (N, C, H, W), K (O, C, kH, kW),      Y (N, O, H', W')
                           b (O,); stride, padding, dilation
``conv2d_backward``        dout, X, K; the same settings          dX, dK, db
``max_pool_forward``       X (N, C, H, W); kernel, stride         Y (N, C, H', W')
``max_pool_backward``      dout, X; the same settings             dX
========================== ====================================== ==================

Settings are whole numbers, the same for height and width, given by name. With a kernel
of k, H' = ⌊(H + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1, as in
https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import Tensor

from byhand import check
from byhand.plots import COLOURS

MAX_CASES = 300
MAX_PANELS = 6  # pictures of one tensor
Case = tuple[dict[str, Tensor], dict[str, int]]  # tensors by name, settings by name


@dataclass(frozen=True)
class Layer:
    """A function that can be asked about.

    Args:
        reference: PyTorch's, with the same arguments.
        cases: tensors and settings, from the smallest on; the tensors in the order of
            the function's arguments, the settings to be given by name.
        results: names of what it returns; if there are several, it is a tuple.
    """

    reference: Callable
    cases: Callable[[], Iterator[Case]]
    results: tuple[str, ...]


class Wrong(AssertionError):
    """The function fails; the message says in which case, and how."""


def ask(mine: Callable, layer: str | None = None, draw: bool = True) -> None:
    """Compare a function with PyTorch; the smallest case that fails is drawn.

    Args:
        mine: the function, with the homeworks' arguments, e.g.
            ``conv2d_forward(X, K, b, stride=1, padding=0, dilation=1)``. It is handed
            what the table above says, as tensors of its own, on the CPU.
        layer: which function it is; default: the one of its own name.
        draw: whether to draw the case.

    Raises:
        Wrong: it fails.
        ValueError: there is no such layer; the message lists those that there are.
    """
    layer = layer or getattr(mine, "__name__", "")
    if layer not in LAYERS:
        known = ", ".join(LAYERS)
        raise ValueError(
            f"There is no layer {layer!r} to ask about. There are: {known}."
        )
    asked = LAYERS[layer]
    tried = 0
    for tensors, settings in itertools.islice(asked.cases(), MAX_CASES):
        tried += 1
        expected = asked.reference(*tensors.values(), **settings)
        given = {name: value.clone() for name, value in tensors.items()}
        actual, problem = None, ""
        try:
            actual = mine(*given.values(), **settings)
        except Exception as error:
            problem = f"It raises {type(error).__name__}: {error}"
        changed = [n for n in given if not torch.equal(given[n], tensors[n])]
        if not problem and changed:
            problem = f"It changes its argument {changed[0]} in place."
        if not problem:
            problem = _difference(actual, expected, asked.results)
        if problem:
            if draw:
                _draw(layer, tensors, actual, expected, asked.results)
            raise Wrong(
                f"{layer} fails in {_words(tensors, settings)}. {problem} (It is the "
                f"smallest of the cases that fail; {tried - 1} smaller ones are right.)"
            )
    print(f"{layer} agrees with PyTorch in {tried} cases, from the smallest on.")


def _difference(actual: Any, expected: Any, names: tuple[str, ...]) -> str:
    try:
        if len(names) == 1:
            check.close(actual, expected, names[0])
            return ""
        many = isinstance(actual, (tuple, list))
        if not many or len(actual) != len(names):
            return f"It must return the tuple ({', '.join(names)})."
        for one, wanted, name in zip(actual, expected, names, strict=True):
            check.close(one, wanted, name)
    except AssertionError as error:
        words, _, factor = str(error).partition(" It is ")
        # of two small whole numbers, one is often a multiple of the other by chance
        single = isinstance(actual, Tensor) and actual.numel() == 1
        return words if single and "factor" in factor else str(error)
    return ""


def _words(tensors: dict, settings: dict) -> str:
    shapes = [f"{name} of shape {tuple(t.shape)}" for name, t in tensors.items()]
    return ", ".join(
        [*shapes, *(f"{name} {value}" for name, value in settings.items())]
    )


def _draw(
    layer: str, tensors: dict, actual: Any, expected: Any, names: tuple[str, ...]
) -> None:
    """Inputs, what came, and what is right, each as tables of numbers."""
    several = len(names) > 1
    wanted = dict(zip(names, expected if several else [expected], strict=True))
    came = actual if several and isinstance(actual, (tuple, list)) else [actual]
    columns: list[tuple[str, Tensor, Tensor | None]]
    columns = [(name, value, None) for name, value in tensors.items()]
    for name, right in wanted.items():
        own = came[names.index(name)] if names.index(name) < len(came) else None
        if several and own is not None and not _difference(own, right, (name,)):
            continue  # that one is right
        if isinstance(own, Tensor) and own.ndim <= 4 and own.numel():
            columns.append((f"your {name}", own, right))
        columns.append((f"{name}, right", right, None))
    rows = max(min(len(_panels(value)), MAX_PANELS) for _, value, _ in columns)
    figure, axes = plt.subplots(
        *(rows, len(columns)),
        figsize=(1.9 * len(columns), 1.8 * rows + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for (name, value, right), column in zip(columns, axes.T, strict=True):
        column[0].set_title(name, fontsize=10)
        panels = _panels(value)
        others = _panels(right) if right is not None else [None] * len(panels)
        same = right is not None and right.shape == value.shape
        for panel, other, axis in zip(panels, others, column, strict=False):
            _table(axis, panel, other if same else None)
    figure.suptitle(f"{layer}: the smallest case that fails", fontsize=11)
    plt.show()


def _panels(value: Tensor) -> list[Tensor]:
    """A tensor as matrices: one for each example and channel."""
    value = value.detach().cpu().double()
    if value.ndim < 2:
        return [value.reshape(1, -1)]
    return list(value.reshape(-1, *value.shape[-2:]))


def _table(axis: Axes, panel: Tensor, right: Tensor | None) -> None:
    """One matrix as a picture with its numbers; wrong ones are framed."""
    axis.imshow(torch.zeros_like(panel).numpy(), cmap="Greys", vmin=0, vmax=1)
    height, width = panel.shape
    for y, x in itertools.product(range(height), range(width)):
        number = panel[y, x].item()
        wrong = right is not None and not torch.isclose(
            panel[y, x], right[y, x], rtol=1e-4, atol=1e-6, equal_nan=True
        )
        if height * width <= 64:
            colour = COLOURS["orange"] if wrong else COLOURS["black"]
            weight = "bold" if wrong else "normal"
            axis.text(x, y, f"{number:.3g}", ha="center", va="center", fontsize=8,
                      color=colour, weight=weight)  # fmt: skip
        edge = COLOURS["orange"] if wrong else "0.8"
        box = plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=edge,
                            lw=2 if wrong else 0.5, zorder=3 if wrong else 2)  # fmt: skip
        axis.add_patch(box)
    axis.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6))


def _whole(*shape: int, seed: int) -> Tensor:
    """Small whole numbers, not 0, all different while there are few: easy to reckon with."""
    g = torch.Generator().manual_seed(seed)
    size = torch.randperm(math.prod(shape), generator=g).reshape(shape) % 9 + 1
    sign = torch.randint(0, 2, shape, generator=g) * 2 - 1
    return (size * sign).double()


def _backward(forward: Callable, wanted: tuple[int, ...]) -> Callable:
    """The gradients of a function at some of its arguments, by PyTorch."""

    def gradients(dout: Tensor, *args: Tensor, **settings: int) -> Any:
        with torch.enable_grad():
            leaves = [a.clone() for a in args]
            for place in wanted:
                leaves[place].requires_grad_()
            out = forward(*leaves, **settings)
            found = torch.autograd.grad(out, [leaves[p] for p in wanted], dout)
        return found if len(found) > 1 else found[0]

    return gradients


def _linear_cases() -> Iterator[Case]:
    sizes = sorted(itertools.product((1, 2, 3), repeat=3), key=sum)
    for seed, (n, d_in, d_out) in enumerate(sizes):
        X, W = _whole(n, d_in, seed=seed), _whole(d_out, d_in, seed=seed + 100)
        yield {"X": X, "W": W, "b": _whole(d_out, seed=seed + 200)}, {}


def _pointwise_cases() -> Iterator[Case]:
    for number in (2.0, -1.0, 0.0, -40.0, 40.0):
        yield {"x": torch.tensor([number]).double()}, {}
    shapes: list[tuple[int, ...]] = [(2,), (2, 2), (1, 2, 3)]
    for shape in shapes:
        yield {"x": _whole(*shape, seed=len(shape)) / 2}, {}


def _labelled_cases() -> Iterator[Case]:
    for seed, (n, c) in enumerate([(1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (4, 5)]):
        labels = torch.arange(n) % c
        yield {"logits": _whole(n, c, seed=seed), "labels": labels}, {}
    large = torch.tensor([[1000.0, 0.0], [0.0, -1000.0]]).double()
    for label in (0, 1):
        yield {"logits": large, "labels": torch.tensor([label, label])}, {}


def _image_cases(with_kernel: bool) -> Iterator[Case]:
    shapes = itertools.product((1, 2), (1, 2), (1, 2), (1, 2, 3, 4), (1, 2, 3, 5))
    kernels = itertools.product((1, 2, 3), (1, 2, 3))
    strides, paddings, dilations = [1, 2, 3], [0, 1, 2], [1, 2]
    if not with_kernel:
        paddings, dilations = paddings[:1], dilations[:1]
    found = []
    for (n, c, o, h, w), (kh, kw) in itertools.product(shapes, list(kernels)):
        for s, p, d in itertools.product(strides, paddings, dilations):
            if not with_kernel and (kh != kw or o > 1):
                continue
            if h + 2 * p < d * (kh - 1) + 1 or w + 2 * p < d * (kw - 1) + 1:
                continue
            size = n * c * h * w + c * o * kh * kw
            found.append((size + 2 * (s + p + d), n, c, o, h, w, kh, kw, s, p, d))
    # of each size a few, so that all settings get their turn
    found.sort()
    by_size = itertools.groupby(found, key=lambda case: case[0])
    for _, of_size in by_size:
        group = list(of_size)
        for _, n, c, o, h, w, kh, kw, s, p, d in group[:: max(1, len(group) // 12)]:
            X, seed = _whole(n, c, h, w, seed=h + w), 50 + n + c + o
            if with_kernel:
                K, b = _whole(o, c, kh, kw, seed=seed), _whole(o, seed=seed)
                settings = {"stride": s, "padding": p, "dilation": d}
                yield {"X": X, "K": K, "b": b}, settings
            else:
                yield {"X": X.mul(7).add(_ramp(X)), }, {"kernel": kh, "stride": s}  # fmt: skip


def _ramp(X: Tensor) -> Tensor:
    return torch.arange(X.numel()).reshape(X.shape).double() / 100  # no two are equal


def _with_dout(cases: Callable, forward: Callable, leave_out: str = "") -> Callable:
    """The same cases for a backward pass: with an upstream gradient in front."""

    def found() -> Iterator[Case]:
        for tensors, settings in cases():
            out = forward(*tensors.values(), **settings)
            rest = {n: t for n, t in tensors.items() if n != leave_out}
            dout = _whole(*out.shape, seed=7)
            yield {"dout": dout} | rest, settings

    return found


def _conv2d(
    X: Tensor,
    K: Tensor,
    b: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    return F.conv2d(X, K, b, stride, padding, dilation)


def _conv2d_gradients(dout: Tensor, X: Tensor, K: Tensor, **settings: int) -> tuple:
    b = torch.zeros(len(K), dtype=X.dtype)
    return _backward(_conv2d, (0, 1, 2))(dout, X, K, b, **settings)


def _linear_gradients(dout: Tensor, X: Tensor, W: Tensor) -> tuple:
    b = torch.zeros(len(W), dtype=X.dtype)
    return _backward(F.linear, (0, 1, 2))(dout, X, W, b)


def _max_pool(X: Tensor, kernel: int, stride: int) -> Tensor:
    return F.max_pool2d(X, kernel, stride)


def _cross_entropy_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    return _backward(F.cross_entropy, (0,))(torch.tensor(1.0).double(), logits, labels)


def _convolutions() -> Iterator[Case]:
    return _image_cases(with_kernel=True)


def _poolings() -> Iterator[Case]:
    return _image_cases(with_kernel=False)


LAYERS: dict[str, Layer] = {
    "linear_forward": Layer(F.linear, _linear_cases, ("Y",)),
    "linear_backward": Layer(
        _linear_gradients, _with_dout(_linear_cases, F.linear, "b"), ("dX", "dW", "db")
    ),
    "relu_forward": Layer(F.relu, _pointwise_cases, ("y",)),
    "relu_backward": Layer(
        _backward(F.relu, (0,)), _with_dout(_pointwise_cases, F.relu), ("dx",)
    ),
    "sigmoid_forward": Layer(torch.sigmoid, _pointwise_cases, ("y",)),
    "cross_entropy_forward": Layer(F.cross_entropy, _labelled_cases, ("loss",)),
    "cross_entropy_backward": Layer(
        _cross_entropy_gradient, _labelled_cases, ("dlogits",)
    ),
    "conv2d_forward": Layer(_conv2d, _convolutions, ("Y",)),
    "conv2d_backward": Layer(
        _conv2d_gradients, _with_dout(_convolutions, _conv2d, "b"), ("dX", "dK", "db")
    ),
    "max_pool_forward": Layer(_max_pool, _poolings, ("Y",)),
    "max_pool_backward": Layer(
        _backward(_max_pool, (0,)), _with_dout(_poolings, _max_pool), ("dX",)
    ),
}
