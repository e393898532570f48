"""Strides and broadcasting: a strip of memory, and the rules for reading it."""

import re
from collections.abc import Sequence
from itertools import product

import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

CALL = re.compile(r"(reshape|view|permute|expand|contiguous)\(([-\d, ]*)\)")
INDEX = re.compile(r"\[[-\d:, ]+\]")
TINTS = ("blue", "orange", "green", "pink")


def apply(t: Tensor, operation: str) -> Tensor:
    """Apply one operation to a tensor, as it is written behind the tensor's name.

    Args:
        t: any tensor.
        operation: such as ``T``, ``reshape(2, 6)``, ``[1:, ::2]``.

    Raises:
        ValueError: it is none of those that the figure knows.
        RuntimeError, IndexError: PyTorch refuses it.
    """
    if operation == "T":
        return t.T
    if call := CALL.fullmatch(operation):
        numbers = [int(n) for n in call[2].split(",") if n.strip()]
        return getattr(t, call[1])(*numbers)
    if not INDEX.fullmatch(operation):
        raise ValueError(f"{operation!r} is no operation that this figure knows.")

    def part(text: str) -> int | slice:
        if ":" not in text:
            return int(text)
        return slice(*(int(n) if n else None for n in text.split(":")))

    return t[tuple(part(text.strip()) for text in operation[1:-1].split(","))]


class Strides(Figure):
    """Strides and broadcasting: a strip of memory, and the rules for reading it.

    The reader applies operations, points at an element, and sees its place.

    Args:
        A: (rows, columns), at most 16 numbers: the tensor that all begins with; its
            own memory, strides and offset are shown.
        chain: operations on it, in order, as they are written behind its name:
            ``["T", "[1:]", "reshape(2, 4)"]``.
        at: the element that is pointed at, counted row by row.
        broadcast: show two tensors that are added, instead.
        left, right: their shapes, of one or two dimensions.

    Raises:
        traitlets.TraitError: a number is not finite, a shape too large, or PyTorch
            refuses an operation (other than a ``view`` at the end: that is shown).
    """

    values = traitlets.List(
        traitlets.Float(), [float(x) for x in range(10, 22)]
    ).tag(sync=True)  # fmt: skip
    shape = traitlets.List(traitlets.Int(), [3, 4]).tag(sync=True)
    strides = traitlets.List(traitlets.Int(), [4, 1]).tag(sync=True)
    offset = traitlets.Int(0, min=0).tag(sync=True)
    chain = traitlets.List(traitlets.Unicode(), ["T"]).tag(sync=True)
    at = traitlets.Int(4, min=0).tag(sync=True)
    broadcast = traitlets.Bool(False).tag(sync=True)
    left = traitlets.List(traitlets.Int(), [3, 1]).tag(sync=True)
    right = traitlets.List(traitlets.Int(), [4]).tag(sync=True)

    def __init__(self, A: Tensor | None = None, **traits) -> None:
        if A is not None:
            A = A.detach().cpu()
            count = A.untyped_storage().nbytes() // A.itemsize
            traits["values"] = A.as_strided((count,), (1,), 0).double().tolist()
            traits["shape"], traits["strides"] = list(A.shape), list(A.stride())
            traits["offset"] = A.storage_offset()
        super().__init__(**traits)
        self._check_chain(self.chain)

    @traitlets.validate("values")
    def _values(self, proposal: traitlets.Bunch) -> list[float]:
        finite(proposal["value"], "A")
        if len(proposal["value"]) > 24:
            raise traitlets.TraitError("A: its memory holds more than 24 numbers.")
        return proposal["value"]

    @traitlets.validate("shape")
    def _shape(self, proposal: traitlets.Bunch) -> list[int]:
        shape = proposal["value"]
        if len(shape) != 2 or min(shape) < 2 or shape[0] * shape[1] > 16:
            raise traitlets.TraitError(
                f"A: give a matrix of at least 2×2 and at most 16 numbers, not {shape}."
            )
        return shape

    @traitlets.validate("left", "right")
    def _operand(self, proposal: traitlets.Bunch) -> list[int]:
        shape = proposal["value"]
        if not 1 <= len(shape) <= 2 or not 1 <= min(shape) <= max(shape) <= 9:
            raise traitlets.TraitError(
                f"{proposal['trait'].name}: one or two sizes from 1 to 9, not {shape}."
            )
        return shape

    @traitlets.validate("chain")
    def _operations(self, proposal: traitlets.Bunch) -> list[str]:
        return self._check_chain(proposal["value"])

    def _check_chain(self, chain: list[str]) -> list[str]:
        steps = self._run(chain)
        for operation, step in steps:
            if isinstance(step, Exception):
                if operation.startswith("view") and operation == chain[-1]:
                    continue
                raise traitlets.TraitError(f"chain: {operation}: {step}")
            if not 1 <= step.ndim <= 2 or not 1 <= step.numel() <= 16:
                raise traitlets.TraitError(
                    f"chain: {operation} gives the shape {tuple(step.shape)}; "
                    "the figure shows one or two dimensions and up to 16 numbers."
                )
        return chain

    def _run(self, chain: Sequence[str]) -> list[tuple[str, Tensor | Exception]]:
        strip = torch.tensor(self.values, dtype=torch.float64)
        steps: list[tuple[str, Tensor | Exception]] = []
        operation = "A"
        try:
            t = strip.as_strided(self.shape, self.strides, self.offset)
            for operation in chain:
                t = apply(t, operation)
                steps.append((operation, t))
        except (RuntimeError, IndexError, ValueError) as error:
            steps.append((operation, error))
        return steps

    def result(self) -> Tensor:
        """The tensor after the last operation that PyTorch does not refuse.

        Returns:
            In double precision; where no operation has copied, a view of one strip.
        """
        strip = torch.tensor(self.values, dtype=torch.float64)
        t = strip.as_strided(self.shape, self.strides, self.offset)
        steps = [t, *(t for _, t in self._run(self.chain) if isinstance(t, Tensor))]
        return steps[-1]

    def still(self) -> Picture:
        """Strips and table, the rows in the same tints; shape and strides above."""
        if self.broadcast:
            return self._still_of_two()
        t = self.result()
        count = t.untyped_storage().nbytes() // t.itemsize
        strip = t.as_strided((count,), (1,), 0)
        picture = Picture(figsize=(6.4, 3.4), layout="constrained")
        above, below = picture.subplots(2, 1, height_ratios=(1, 2.4))
        _show_strip(above, strip, t.stride(), t.shape, int(t.storage_offset()))
        name = "A" + "".join(f".{op}" if op[0] != "[" else op for op in self.chain)
        above.set_title(
            f"{name}: shape {tuple(t.shape)}, strides {t.stride()}, "
            f"offset {t.storage_offset()}",
            fontsize=10,
        )
        _show_table(below, t)
        return picture

    def _still_of_two(self) -> Picture:
        operands = {}
        for name, shape, unit in (("a", self.left, 10), ("b", self.right, 1)):
            count = torch.Size(shape).numel()
            operands[name] = unit * torch.arange(1, count + 1).view(shape)
        picture = Picture(figsize=(6.4, 4), layout="constrained")
        axes = picture.subplots(3, 1, height_ratios=(1, 1, 2.6))
        try:
            read = torch.broadcast_tensors(*operands.values())
        except RuntimeError as error:
            picture.suptitle(str(error), fontsize=9)
            return picture
        for axis, (name, t), seen in zip(axes, operands.items(), read, strict=False):
            _show_strip(axis, t.flatten(), seen.stride(), seen.shape, 0)
            axis.set_title(
                f"{name}: shape {tuple(t.shape)}, read as {tuple(seen.shape)} "
                f"with strides {seen.stride()}",
                fontsize=10,
            )
        _show_table(axes[2], sum(read))
        return picture


def _square(axis: Axes, x: float, y: float, value: float, colour: str | None) -> None:
    tint = COLOURS[colour] if colour else "none"
    axis.fill([x, x + 1, x + 1, x], [y, y, y + 1, y + 1], fc=tint, alpha=0.3)
    axis.plot([x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y], "-", c="0.6", lw=0.8)
    axis.text(x + 0.5, y + 0.5, f"{value:.4g}", ha="center", va="center", fontsize=9)


def _show_strip(
    axis: Axes, strip: Tensor, strides: Sequence[int], shape: Sequence[int], offset: int
) -> None:
    rows: dict[int, int] = {}
    for index in product(*map(range, shape)):
        place = offset + sum(i * s for i, s in zip(index, strides, strict=True))
        rows.setdefault(place, index[-2] if len(index) > 1 else 0)
    for place, value in enumerate(strip.tolist()):
        row = rows.get(place)
        _square(axis, place, 0, value, None if row is None else TINTS[row % 4])
        axis.text(place + 0.5, -0.3, str(place), ha="center", fontsize=7, color="0.4")
    axis.set(xlim=(-0.1, max(len(strip), 12) + 0.1), ylim=(1.1, -0.8), aspect="equal")
    axis.set_axis_off()


def _show_table(axis: Axes, t: Tensor) -> None:
    table = torch.atleast_2d(t)
    for y, x in product(*map(range, table.shape)):
        _square(axis, x, y, table[y, x].item(), TINTS[y % 4])
    axis.set(xlim=(-0.1, max(table.shape[1], 12)), ylim=(len(table) + 0.1, -0.1))
    axis.set_aspect("equal")
    axis.set_axis_off()
