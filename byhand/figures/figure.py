"""What all figures have in common: a module for the browser, a still picture, checks.

A figure is a small class (its state, as traits) beside a file of the same name that
ends in ``.js`` (what it shows, and what it does when it is moved). In a notebook with
a kernel both stay in step; in the published book the module runs alone, from the
state that the chapter computed.
"""

import base64
import inspect
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import StringIO
from pathlib import Path

import anywidget
import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


@cache
def module(path: Path) -> str:
    """Return a figure's module as a notebook wants it: one text that imports nothing.

    Args:
        path: a file that takes what it needs of the kit by an
            ``import { … } from "./kit.js";``, and so of other files beside it.

    Raises:
        ValueError: it has no such line.
    """
    own = path.read_text("utf-8")
    if not IMPORT.search(own):
        raise ValueError(f"{path.name} must have an import, from ./kit.js.")
    shared = [HERE / f"{name}.js" for name in _needed(own)]
    texts = [
        re.sub(r"^export ", "", file.read_text("utf-8"), flags=re.MULTILINE)
        for file in shared
    ]
    return "".join(IMPORT.sub("", text) for text in [*texts, own])


def _needed(source: str) -> list[str]:
    """What a module imports, directly or not, each after what it needs itself."""
    names: list[str] = []
    for name in IMPORT.findall(source):
        for each in [*_needed((HERE / f"{name}.js").read_text("utf-8")), name]:
            if each not in names:
                names.append(each)
    return names


class Figure(anywidget.AnyWidget):
    """A figure that responds to its reader.

    A subclass has traits tagged ``sync=True``, and :meth:`still`. Show it by naming
    it in the last line of a cell, whose metadata hold a text alternative.
    """

    _css = (HERE / "kit.css").read_text("utf-8")

    def __init_subclass__(cls, **options) -> None:
        if not hasattr(cls, "_esm"):  # traitlets makes subclasses of its own
            cls._esm = module(Path(inspect.getfile(cls)).with_suffix(".js"))
        super().__init_subclass__(**options)

    def still(self) -> Picture:
        """Draw the state, for readers without JavaScript and on paper."""
        raise NotImplementedError(f"{type(self).__name__} must draw a still picture")

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        forms, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        file = StringIO()
        self.still().savefig(file, format="svg", metadata={"Date": None})
        name = (inspect.getdoc(type(self)) or "").partition("\n")[0]
        return forms | {"text/plain": name, "image/svg+xml": file.getvalue()}, metadata


def finite(values: Iterable[float], what: str) -> None:
    """Check that these are numbers which can be drawn.

    Args:
        values: any numbers.
        what: what they are, for the message.

    Raises:
        traitlets.TraitError: there is none, or one is infinite or NaN.
    """
    values = list(values)
    if not values:
        raise traitlets.TraitError(f"{what}: there is nothing to show, give some.")
    for place, value in enumerate(values):
        if not math.isfinite(value):
            raise traitlets.TraitError(
                f"{what}: number {place} is {value}; a figure needs finite numbers."
            )


def uniform(seed: int, count: int) -> Tensor:
    """Draw the numbers in [0, 1) that ``random(seed)`` of ``kit.js`` draws.

    Returns:
        (count,), in double precision.
    """
    bits = 0xFFFFFFFF  # 32 of them, in 64-bit integers
    state = (seed + 0x6D2B79F5 * torch.arange(1, count + 1)) & bits
    t = (state ^ (state >> 15)) * (state | 1) & bits
    t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & bits)) & bits
    return (t ^ (t >> 14)).double() / 2**32


def normal(seed: int, count: int) -> Tensor:
    """Draw the numbers that ``normal(random(seed))`` of ``kit.js`` draws.

    Returns:
        (count,), in double precision.
    """
    radius, angle = uniform(seed, 2 * count).view(-1, 2).T
    return (-2 * (-radius).log1p()).sqrt() * (2 * math.pi * angle).cos()


def to_base64(bytes_: Tensor) -> str:
    """Return whole numbers or floats as they lie in memory, as text for a trait."""
    return base64.b64encode(bytes_.contiguous().numpy().tobytes()).decode()


def pack(layers: Iterable[tuple[Tensor, Tensor]]) -> tuple[str, str]:
    """Quantise linear layers to 8 bits per weight, with one scale for each row.

    Args:
        layers: weights, (rows, …), and biases, (rows,).

    Returns:
        What a browser unpacks, as base64: all weights, as whole numbers from −127 to
        127; for each layer its scales and then its biases, as 32-bit floats.
    """
    weights, numbers = [], []
    for weight, bias in layers:
        rows = weight.detach().cpu().flatten(1)
        scale = rows.abs().amax(1).clamp(min=1e-12) / 127
        weights.append(torch.round(rows / scale[:, None]).to(torch.int8).flatten())
        numbers += [scale.float(), bias.detach().cpu().float()]
    return to_base64(torch.cat(weights)), to_base64(torch.cat(numbers))


def unpack(
    weights: str, numbers: str, sizes: Iterable[tuple[int, int]]
) -> list[tuple[Tensor, Tensor]]:
    """Return the layers that :func:`pack` has packed, as they count in a browser.

    Args:
        weights, numbers: from :func:`pack`.
        sizes: rows and columns of each layer.

    Returns:
        Weights (rows, columns) and biases (rows,), in double precision.
    """
    ints = torch.frombuffer(bytearray(base64.b64decode(weights)), dtype=torch.int8)
    floats = torch.frombuffer(bytearray(base64.b64decode(numbers)), dtype=torch.float32)
    layers = []
    for rows, columns in sizes:
        weight, ints = ints[: rows * columns], ints[rows * columns :]
        scale, bias, floats = floats.split([rows, rows, len(floats) - 2 * rows])
        weight = weight.double().view(rows, columns) * scale.double()[:, None]
        layers.append((weight, bias.double()))
    return layers


def to_bytes(images: Tensor) -> Tensor:
    """Return pictures in [0, 1], (N, …), as bytes, (N, pixels)."""
    return (255 * images.detach().cpu().flatten(1)).round().to(torch.uint8)


@contextmanager
def briefly() -> Iterator[None]:
    """Train something small: the same on every call, and in nobody's way.

    PyTorch's random numbers are afterwards what they were. One thread: for so little
    work several would mostly wait for each other.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)
