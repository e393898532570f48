"""Which public functions give the answer of an exercise under another name?

``python -m tests.support.answers hw1 [--exercise relu_forward]`` calls every public
function of PyTorch, SciPy, NumPy and scikit-learn with an exercise's own inputs, in every
order and with a few plausible constants, and compares what comes back with the reference
solution's result. A name that agrees for two different draws of the inputs is printed,
with whether the homework's rules (`byhand.banned`, `byhand.operators`) refuse it while a
test runs. What is not refused is either an ordinary building block, or is to be added to
the rules.

The calls are made in forked children, each with a small limit of time: a call that
crashes or never ends costs that function only.
"""

import argparse
import importlib
import inspect
import itertools
import os
import pickle
import resource
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import nbformat
import numpy as np
import torch

from byhand.refuse import NotAllowed, Refusal
from tests.support.solutions import ROOT, Homework, _compile

SECONDS = 0.5  # of a processor, for all calls of one function
PATIENCE = 10.0  # on the clock, before a child is given up
CALLS = 150  # of one function at most
MEMORY = 8 << 30
MODULES = (
    *("torch", "torch.Tensor", "torch.nn.functional", "torch.special", "torch.linalg"),
    *("torch.fft", "torch.func", "torch._C._nn", "torch.nn.utils", "torch.nn.init"),
    *("torch.nn.utils.rnn", "torch.optim.swa_utils", "torch.signal.windows"),
    *("torch.masked", "torch.nested", "torch.sparse", "torch.nn.attention"),
)
ARRAYS = (
    *("numpy", "numpy.linalg", "scipy.special", "scipy.signal", "scipy.ndimage"),
    *("scipy.spatial.distance", "scipy.linalg", "scipy.stats", "scipy.optimize"),
    *("sklearn.utils.extmath", "sklearn.metrics", "sklearn.preprocessing"),
    *("sklearn.metrics.pairwise", "sklearn.feature_extraction.image"),
)
SPACES = ("aten", "mkldnn", "mkl", "prims", "inductor", "quantized")
# they end or change the process, or wait for something
LEFT_OUT = ("load", "save", "compile", "set_", "manual_seed", "seed", "fork", "wait")
LEFT_OUT += ("import_ir", "savetxt", "fromfile", "tofile", "memmap", "source", "info")
CONSTANTS: tuple[Any, ...] = (0, 1, -1, 2, 0.0, 1.0, True)


@dataclass
class Exercise:
    """What one function of a homework is called with, and what it must give.

    Args:
        name: the name of the function, or what is computed.
        draw: makes inputs (tensors and numbers) by a generator.
        answers: the values that are an answer, by name, from the inputs.
        settings: constants of the exercise's own, tried in places of arguments.
    """

    name: str
    draw: Callable[[torch.Generator], list]
    answers: Callable[..., dict[str, Any]]
    settings: Sequence[Any] = ()


def randn(g, *shape):
    return torch.randn(shape, generator=g, dtype=torch.float64)


def of(room: dict, name: str, key: str = "", **others) -> Callable[..., dict]:
    """The reference solution's results, each entry of a tuple by itself."""

    def answers(*inputs):
        found = room[name](*inputs)
        found = found if isinstance(found, (tuple, list)) else [found]
        return {f"{name}[{i}]" if i else name: value for i, value in enumerate(found)}

    return answers


def hw0(room: dict) -> Iterator[Exercise]:
    yield Exercise(
        "patches", lambda g: [randn(g, 2, 3, 4, 6), 2], of(room, "patches"), [2, (2, 2)]
    )
    yield Exercise("standardise", lambda g: [randn(g, 6, 4)], of(room, "standardise"))
    yield Exercise(
        "distances", lambda g: [randn(g, 4, 5), randn(g, 3, 5)], of(room, "distances")
    )
    yield Exercise(
        "mix",
        lambda g: [randn(g, 2, 4, 3), randn(g, 2, 3, 5), randn(g, 6, 5)],
        of(room, "mix"),
    )
    yield Exercise(
        "with_positions", lambda g: [randn(g, 2, 1, 3, 4)], of(room, "with_positions")
    )
    yield Exercise(
        "gradient",
        lambda g: [room["cubes"], randn(g, 2, 3)],
        of(room, "gradient"),
    )
    yield Exercise(
        "fit",
        lambda g: [randn(g, 8, 3), randn(g, 8), 0.1, 4],
        of(room, "fit"),
    )


def hw1(room: dict) -> Iterator[Exercise]:
    def layer(g):
        return [randn(g, 5, 3), randn(g, 4, 3), randn(g, 4)]

    def back(g):
        return [randn(g, 5, 4), randn(g, 5, 3), randn(g, 4, 3)]

    def labelled(g):
        return [randn(g, 6, 4), torch.randint(4, (6,), generator=g)]

    def softmaxes(logits, labels):
        log_p = logits - logits.exp().sum(1, keepdim=True).log()
        return {
            "cross_entropy_forward": room["cross_entropy_forward"](logits, labels),
            "softmax": log_p.exp(),
            "log_softmax": log_p,
            "logsumexp": logits.exp().sum(1).log(),
            "losses": -log_p[torch.arange(len(labels)), labels],
        }

    yield Exercise("linear_forward", layer, of(room, "linear_forward"))
    yield Exercise("linear_backward", back, of(room, "linear_backward"))
    for name, second in (("relu_forward", ()), ("sigmoid_forward", ())):
        yield Exercise(name, lambda g: [randn(g, 3, 4)], of(room, name), second)
    yield Exercise(
        "relu_backward",
        lambda g: [randn(g, 3, 4), randn(g, 3, 4)],
        of(room, "relu_backward"),
    )
    yield Exercise(
        "sigmoid_backward",
        lambda g: [randn(g, 3, 4), torch.rand(3, 4, generator=g).double()],
        of(room, "sigmoid_backward"),
    )
    yield Exercise("cross_entropy_forward", labelled, softmaxes)
    yield Exercise(
        "cross_entropy_backward", labelled, of(room, "cross_entropy_backward")
    )
    yield Exercise(
        "numerical_gradient",
        lambda g: [room["cubes"], torch.rand(2, 3, generator=g).double() + 1],
        of(room, "numerical_gradient"),
    )


def hw2(room: dict) -> Iterator[Exercise]:
    def image(g):
        return [randn(g, 2, 3, 5, 9), randn(g, 4, 3, 3, 3), randn(g, 4), 2, 1]

    def back(g):
        return [randn(g, 2, 4, 3, 5), randn(g, 2, 3, 5, 9), randn(g, 4, 3, 3, 3), 2, 1]

    def normed(g):
        return [2 * randn(g, 4, 3, 2, 5) + 3, randn(g, 3), randn(g, 3)]

    def norm(training):
        def answers(X, gamma, beta, *running):
            layer = room["BatchNorm2d"](3)
            if running:
                layer.running_mean, layer.running_var = running
            return {"Y": layer.forward(X, gamma, beta, training), "x_hat": layer.x_hat}

        return answers

    def norm_back(dout, X, gamma, beta):
        layer = room["BatchNorm2d"](3)
        layer.forward(X, gamma, beta, True)
        dX, dgamma, _ = layer.backward(dout)
        return {"dX": dX, "dgamma": dgamma}

    conv = [(2, 2), (1, 1), 1, [2], [1]]
    yield Exercise("conv2d_forward", image, of(room, "conv2d_forward"), conv)
    yield Exercise("conv2d_backward", back, of(room, "conv2d_backward"), conv)
    yield Exercise(
        "max_pool_forward",
        lambda g: [randn(g, 2, 3, 6, 8), 2, 2],
        of(room, "max_pool_forward"),
        [2, (2, 2)],
    )
    yield Exercise(
        "max_pool_backward",
        lambda g: [randn(g, 2, 3, 3, 4), randn(g, 2, 3, 6, 8), 2, 2],
        of(room, "max_pool_backward"),
        [2, (2, 2)],
    )
    yield Exercise("BatchNorm2d.forward in training", normed, norm(True), [1e-5, 0.1])
    yield Exercise(
        "BatchNorm2d.forward in use",
        lambda g: [*normed(g), randn(g, 3), torch.rand(3, generator=g).double() + 1],
        norm(False),
        [1e-5, 0.1],
    )
    yield Exercise(
        "BatchNorm2d.backward",
        lambda g: [randn(g, 4, 3, 2, 5), *normed(g)],
        norm_back,
        [1e-5, 0.1],
    )
    # the entries that are left are doubled, whichever they are: see `agree`
    yield Exercise(
        "Dropout.forward",
        lambda g: [randn(g, 20, 30) + 9],
        lambda X: {"X / p": Dropped(X)},
    )


def hw3(room: dict) -> Iterator[Exercise]:
    def pair(g):
        return [randn(g, 4, 3), randn(g, 4, 3)]

    def adam(p, g, m, v, lr):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9), v / (1 - 0.999)
        return {"Adam.step": p - lr * m_hat / (v_hat.sqrt() + 1e-8)}

    def moments(g):
        return [*pair(g), *(0 * value for value in pair(g)), 0.1]

    yield Exercise(
        "SGD.step",
        lambda g: [*pair(g), randn(g, 4, 3), 0.1],
        lambda p, d, v, lr: {"SGD.step": p - lr * (0.9 * v + d)},
        [0.9, 0.1],
    )
    yield Exercise("Adam.step", moments, adam, [0.1, 0.9, 0.999, 1e-8, 1])
    yield Exercise(
        "clip_grad_norm",
        lambda g: pair(g),
        lambda a, b: {"norm": torch.cat([a, b]).norm()},
    )
    yield Exercise("reparameterise", lambda g: [*pair(g), randn(g, 4, 3)],
                   of(room, "reparameterise"))  # fmt: skip
    yield Exercise("kl_to_prior", pair, of(room, "kl_to_prior"))
    yield Exercise(
        "bernoulli_nll",
        lambda g: [randn(g, 4, 3), torch.rand(4, 3, generator=g).double()],
        lambda logits, x: {
            "bernoulli_nll": room["bernoulli_nll"](logits, x),
            "each": torch.nn.functional.softplus(logits) - x * logits,
        },
    )


EXERCISES = {"hw0": hw0, "hw1": hw1, "hw2": hw2, "hw3": hw3}


class Dropped:
    """Agrees with what dropout leaves of a tensor."""

    def __init__(self, X):
        self.X = X

    def agrees(self, value) -> bool:
        if not isinstance(value, torch.Tensor) or value.shape != self.X.shape:
            return False
        ratio = (value / self.X).flatten()
        kept = ratio[ratio != 0]
        some = 0.02 < len(kept) / len(ratio) < 0.98
        return some and bool((kept - kept[0]).abs().max() < 1e-6)


def agrees(value: Any, answer: Any) -> bool:
    """Whether a result is the answer, or the answer but for sign, 1 − or a factor N."""
    if isinstance(answer, Dropped):
        return answer.agrees(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub":
        value = torch.as_tensor(np.array(value))
    if isinstance(value, float):
        value = torch.tensor(value, dtype=torch.float64)
    if not isinstance(value, torch.Tensor) or value.is_sparse or value.is_nested:
        return False
    wanted = torch.as_tensor(answer).double()
    if value.numel() != wanted.numel() or value.dtype == torch.bool:
        return False
    found = (
        value.detach().to_dense() if value.layout != torch.strided else value.detach()
    )
    found = found.double().reshape(-1)
    wanted = wanted.reshape(-1)
    if len(wanted) > 5:
        forms = [found, -found, 1 - found, found.exp(), found.log()]
        scale = (wanted @ found) / (found @ found)
        forms.append(scale * found)
    else:
        forms = [found, -found]
    return any(torch.allclose(form, wanted, 1e-4, 1e-6) for form in forms)


@dataclass(frozen=True)
class Function:
    """Something public that can be called."""

    name: str
    call: Callable[..., Any] = field(compare=False)
    schema: Any = None  # of an operator
    arrays: bool = False


@cache
def functions() -> tuple[Function, ...]:
    return tuple(_functions())


def _functions() -> Iterator[Function]:
    """Every public function there is, operators with their schemas."""
    seen = set()
    warnings.simplefilter("ignore")  # old names say that they are old
    for module in (*MODULES, *ARRAYS):
        try:
            owner = (
                torch.Tensor
                if module == "torch.Tensor"
                else importlib.import_module(module)
            )
        except ImportError:
            try:
                owner = getattr(
                    importlib.import_module(module.rpartition(".")[0]),
                    module.rpartition(".")[2],
                )
            except (ImportError, AttributeError):
                continue
        for name in dir(owner):
            thing = getattr(owner, name, None)
            hidden = name.startswith("__") or any(name.startswith(w) for w in LEFT_OUT)
            # what works in place is refused along with its twin
            hidden |= name.endswith("_") and hasattr(owner, name[:-1])
            if hidden or not callable(thing) or inspect.isclass(thing):
                continue
            if id(thing) not in seen:
                seen.add(id(thing))
                yield Function(f"{module}.{name}", thing, arrays=module in ARRAYS)
    for full in sorted(torch._C._dispatch_get_all_op_names()):
        namespace, _, name = full.partition("::")
        base, _, overload = name.partition(".")
        twin = base.endswith("_") and hasattr(getattr(torch.ops, namespace), base[:-1])
        if namespace not in SPACES or "out" in overload or twin:
            continue
        try:
            packet = getattr(getattr(torch.ops, namespace), base)
            call = getattr(packet, overload or "default")
        except (AttributeError, RuntimeError):
            continue
        yield Function(f"torch.ops.{namespace}.{name}", call, call._schema)


def calls(function: Function, inputs: list, settings: Sequence) -> Iterator[tuple]:
    """Arguments to try: the inputs in every order, and constants."""
    if function.schema is not None:
        yield from itertools.islice(
            _by_schema(function.schema, inputs, settings), CALLS
        )
        return
    own = [value for value in inputs if not isinstance(value, (int, float))]
    numbers = [value for value in inputs if isinstance(value, (int, float))]
    fillings: list[tuple] = [
        (),
        tuple(numbers),
        *((c,) for c in (*settings, *CONSTANTS)),
    ]
    few = (*settings, 0, 1, -1)
    fillings += itertools.product(few, few)
    many = [s for s in settings if not isinstance(s, (int, float))]
    orders = list(itertools.permutations(own))
    orders += [o for k in range(1, len(own)) for o in itertools.permutations(own, k)]
    tried = [(*order, *rest) for order in orders[:40] for rest in fillings]
    tried += [(list(order), *rest) for order in orders[:2] for rest in fillings[:12]]
    tried += [(*order, *rest) for order in orders[:6]
              for rest in itertools.product(many, many, many)]  # fmt: skip
    yield from tried[:CALLS]


def _by_schema(schema, inputs: list, settings: Sequence) -> Iterator[tuple]:
    tensors = [value for value in inputs if isinstance(value, torch.Tensor)]
    numbers = [value for value in inputs if isinstance(value, (int, float))]
    arguments = [a for a in schema.arguments if not a.kwarg_only]
    places = [k for k, a in enumerate(arguments) if str(a.type) == "Tensor"]
    maybe = [k for k, a in enumerate(arguments) if str(a.type) == "Optional[Tensor]"]
    lists = [k for k, a in enumerate(arguments) if str(a.type) == "List[Tensor]"]
    if not tensors or not (places or lists):
        return
    choices = []
    for argument in arguments:
        choices.append(_values(argument, tensors, [*settings, *numbers]))
    others = [k for k in range(len(arguments)) if k not in (*places, *maybe, *lists)]
    for order in itertools.permutations(tensors):
        holders = [(*places, *maybe)[: len(order)], places[: len(order)]]
        for holder in dict.fromkeys(map(tuple, holders)):
            for rest in itertools.islice(
                itertools.product(*(choices[k] for k in others)), 60
            ):
                filled: list[Any] = [None] * len(arguments)
                for k, value in zip(others, rest, strict=True):
                    filled[k] = value
                for k in places[len(order) :]:
                    filled[k] = torch.zeros_like(order[0])
                for k, value in zip(holder, order, strict=False):
                    filled[k] = value
                for k in lists:
                    filled[k] = [order[0]]
                if lists and len(lists) == len(order):
                    for k, value in zip(lists, order, strict=True):
                        filled[k] = [value]
                yield tuple(filled)


def _values(argument, tensors, settings) -> list:
    kind = str(argument.type)
    default = [argument.default_value] if argument.has_default_value() else []
    numbers = [s for s in settings if isinstance(s, (int, float))]
    whole = [n for n in numbers if isinstance(n, int)]
    found: dict[str, list] = {
        "int": [*default, *whole, 1, 0, -1, 2],
        "float": [*default, *map(float, numbers), 0.0, 1.0, 0.5, float("inf")],
        "number": [*default, *numbers, 0, 1],
        "bool": [*default, True, False],
        "List[int]": [*default, *(tuple(s) for s in settings if isinstance(s, (tuple, list))),
                      (0, 0), (1, 1), tuple(tensors[-1].shape), tuple(tensors[0].shape), (1,), (0,)],
        "List[bool]": [[True, True, True], [True, True], [False, False]],
    }  # fmt: skip
    for key, values in found.items():
        if kind == key or kind == f"Optional[{key}]":
            return values + [None] * (kind != key)
    return default or [None]


def search(
    exercise: Exercise,
    only: Sequence[tuple[Function, int]],
    rules: Refusal | None = None,
) -> dict[str, tuple[int, str]]:
    """The functions that give the answer: which call it was, and what became of it.

    Args:
        exercise: what is looked for.
        only: functions, each with the number of the call to make; -1: all calls.
        rules: what refuses, put in force before the calls.
    """
    found: dict[str, tuple[int, str]] = {}
    todo = list(only)
    start = 0
    while start < len(todo):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _work(exercise, todo, start, writing, rules)
        os.close(writing)
        start = _listen(reading, todo, start, found, child)
    return found


def _listen(reading: int, todo: list, start: int, found: dict, child: int) -> int:
    """Note what a child finds; the number of the function after the one it ended at."""
    at = start
    with os.fdopen(reading, "rb") as file:
        while True:
            slow = not select.select([file], [], [], 30 if at == start else PATIENCE)[0]
            try:
                line = None if slow else pickle.load(file)
            except EOFError:
                line = None
            if line is None:
                break
            if line == "end":
                at = len(todo)
                break
            at, hit = line
            if hit:
                found[todo[at][0].name] = hit
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return at + 1


def _work(exercise: Exercise, todo: list, start: int, writing: int, rules) -> None:
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        draws = []
        for seed in (1, 2):
            inputs = exercise.draw(torch.Generator().manual_seed(seed))
            draws.append((inputs, exercise.answers(*_copied(inputs))))
        if rules is not None:
            rules.start()
        file = os.fdopen(writing, "wb", buffering=0)
        for at in range(start, len(todo)):
            function, number = todo[at]
            file.write(pickle.dumps((at, None)))
            signal.signal(signal.SIGPROF, _late)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                hit = _hit(function, draws, exercise.settings, number)
            except _Late:
                hit = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            if hit:
                file.write(pickle.dumps((at, hit)))
        file.write(pickle.dumps("end"))
    finally:
        os._exit(0)


class _Late(BaseException):
    pass


def _late(*_):
    raise _Late


def _copied(inputs: Sequence) -> list:
    copies = []
    for value in inputs:
        if isinstance(value, torch.Tensor):
            value = value.clone()
        elif isinstance(value, list) and all(
            isinstance(v, torch.Tensor) for v in value
        ):
            value = [v.clone() for v in value]
        copies.append(value)
    return copies


def _hit(
    function: Function, draws: list, settings, number: int
) -> tuple[int, str] | None:
    (first, answers), (second, more) = draws
    pairs = zip(
        calls(function, first, settings),
        calls(function, second, settings),
        strict=False,
    )
    for k, (one, two) in enumerate(pairs):
        if number not in (-1, k):
            continue
        try:
            name = _which(function, one, answers)
            if name and name in {_which(function, two, {name: more[name]})}:
                return k, name
        except NotAllowed:
            return k, "refused"
        if number == k:
            return k, "nothing"
    return None


def _which(function: Function, args: Sequence, answers: dict) -> str | None:
    args = _copied(args)
    if function.arrays:
        args = [a.numpy() if isinstance(a, torch.Tensor) else a for a in args]
    before = _copied(args)
    try:
        with torch.no_grad():
            result = function.call(*args)
    except NotAllowed:
        raise
    except Exception as error:
        if "is not allowed in this exercise" in str(error):
            raise NotAllowed from None
        return None
    results = [result, *(result if isinstance(result, (tuple, list)) else ())]
    for arg, old in zip(args, before, strict=True):  # what it changed in place
        if isinstance(arg, torch.Tensor) and not torch.equal(arg, old):
            results.append(arg)
    for name, answer in answers.items():
        if any(_agrees(value, answer) for value in results):
            return name
    return None


def _agrees(value: Any, answer: Any) -> bool:
    try:
        return agrees(value, answer)
    except (RuntimeError, TypeError, NotImplementedError, ValueError):
        return False


def rules_of(name: str) -> Refusal:
    notebook = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", 4)
    rules = notebook.metadata["byhand"]
    for pattern in rules["banned"]:
        if pattern.startswith("."):
            continue
        try:
            importlib.import_module(pattern)
        except ImportError:
            continue
    return Refusal(rules["banned"], rules.get("operators", ()))


def main(argv: list[str] | None = None) -> int:
    """Print, for each exercise, what gives its answer and whether it is refused.

    Args:
        argv: the homework, and exercises; default: the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("homework", choices=EXERCISES)
    parser.add_argument("--exercise", action="append", help="only this one")
    parser.add_argument("--only", default="", help="names that begin so: torch.ops")
    options = parser.parse_args(argv)
    (path,) = ROOT.glob(f"solutions/{options.homework}_*")
    room: dict[str, Any] = {}
    torch.set_num_threads(1)
    for cell in Homework(path.name).cells:
        if cell.kind != "test":
            exec(_compile(cell.source, cell.name), room)
    rules = rules_of(path.name)
    known = {f.name: f for f in functions() if f.name.startswith(options.only)}
    for exercise in EXERCISES[options.homework](room):
        if options.exercise and exercise.name not in options.exercise:
            continue
        hits = search(exercise, [(f, -1) for f in known.values()])
        again = search(exercise, [(known[n], k) for n, (k, _) in hits.items()], rules)
        print(f"\n{exercise.name}: {len(hits)} names")
        for verdict in ("slips through", "refused"):
            names = {
                f"{n} ({what})" if what != exercise.name else n
                for n, (k, what) in sorted(hits.items())
                if (again.get(n, (0, "refused"))[1] in ("refused",))
                == (verdict == "refused")
            }
            print(f"  {verdict}: {', '.join(sorted(names)) or 'none'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
