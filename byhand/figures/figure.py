"""What all figures have in common: a module for the browser, a still picture, checks.

A figure is a small class (its state, as traits) beside a file of the same name that
ends in ``.js`` (what it shows, and what it does when it is moved). In a notebook with
a kernel both stay in step; in the published book the module runs alone, from the
state that the chapter computed.
"""

import inspect
import math
import re
from collections.abc import Iterable
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
