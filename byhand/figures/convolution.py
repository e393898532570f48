"""Convolution arithmetic: a window that moves, sizes, and the matrix of it."""

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite


class Convolution(Figure):
    """Convolution arithmetic, with numbers in the cells, and as a matrix.

    The reader moves the window and changes the settings.

    Args:
        U: (H, W), or (W,) for one dimension: the numbers of the input; they are
            repeated where the reader asks for more.
        K: (k, k), or (k,) for one dimension: those of the kernel, likewise.
        size: of the input along a side; default: as U is.
        kernel: of the kernel along a side; default: as K is.
        stride, padding, dilation, transposed: as in ``torch.nn.functional.conv2d`` and
            ``conv_transpose2d``.
        at: which window is shown first.

    Raises:
        traitlets.TraitError: a number is not finite, or a setting out of range.
    """

    values = traitlets.List(
        traitlets.List(traitlets.Float()),
        [
            [0.0, 0.0, 3.0, 3.0, 1.0],
            [0.0, 1.0, 3.0, 2.0, 0.0],
            [0.0, 2.0, 3.0, 0.0, 0.0],
            [1.0, 3.0, 2.0, 0.0, 0.0],
            [2.0, 3.0, 0.0, 0.0, 1.0],
        ],
    ).tag(sync=True)
    taps = traitlets.List(
        traitlets.List(traitlets.Float()),
        [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]],
    ).tag(sync=True)
    dims = traitlets.Int(2, min=1, max=2).tag(sync=True)
    size = traitlets.Int(5, min=2, max=7).tag(sync=True)
    kernel = traitlets.Int(3, min=1, max=4).tag(sync=True)
    stride = traitlets.Int(1, min=1, max=3).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=2).tag(sync=True)
    dilation = traitlets.Int(1, min=1, max=3).tag(sync=True)
    transposed = traitlets.Bool(False).tag(sync=True)
    at = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self, U: Tensor | None = None, K: Tensor | None = None, **traits
    ) -> None:
        if U is not None:
            U = torch.as_tensor(U, dtype=torch.float64)
            traits = {"dims": U.ndim, "size": len(U)} | traits
            traits["values"] = torch.atleast_2d(U).tolist()
        if K is not None:
            K = torch.as_tensor(K, dtype=torch.float64)
            traits = {"kernel": len(K)} | traits
            traits["taps"] = torch.atleast_2d(K).tolist()
        super().__init__(**traits)

    @traitlets.validate("values", "taps")
    def _table(self, proposal: traitlets.Bunch) -> list[list[float]]:
        finite([x for row in proposal.value for x in row], proposal.trait.name)
        return proposal.value

    def result(self) -> tuple[Tensor, Tensor, Tensor]:
        """Input, kernel and output of the present settings, as PyTorch has them.

        Returns:
            Each (rows, columns), in double precision; one row for one dimension.

        Raises:
            RuntimeError: the kernel does not fit, in PyTorch's words.
        """

        def corner(table: list[list[float]], side: int) -> Tensor:
            rows = 1 if self.dims == 1 else side
            full = torch.tensor(table, dtype=torch.float64)
            full = full.repeat(-(-rows // len(full)), -(-side // full.shape[1]))
            return full[:rows, :side]

        U, K = corner(self.values, self.size), corner(self.taps, self.kernel)
        flat = self.dims == 1
        image, kernel = U[None, None], K[None, None]
        stride = (1 if flat else self.stride, self.stride)
        padding = (0 if flat else self.padding, self.padding)
        dilation = (1 if flat else self.dilation, self.dilation)
        if self.transposed:
            out = F.conv_transpose2d(
                image, kernel, None, stride, padding, 0, 1, dilation
            )
        else:
            out = F.conv2d(image, kernel, None, stride, padding, dilation)
        return U, K, out[0, 0]

    def still(self) -> Picture:
        """Input, kernel and output as tables of numbers."""
        tables = self.result()
        picture = Picture(figsize=(6.4, 2.6), layout="constrained")
        widths = [max(table.shape) for table in tables]
        axes = picture.subplots(1, 3, width_ratios=widths)
        names = ("input", "kernel", "output")
        for axis, table, name in zip(axes, tables, names, strict=True):
            _show_table(axis, table)
            axis.set_title(f"{name}, {len(table)}×{table.shape[1]}")
        return picture


def _show_table(axis: Axes, table: Tensor) -> None:
    rows, columns = table.shape
    for (y, x), value in zip(
        torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).tolist(),
        table.flatten().tolist(),
        strict=True,
    ):
        axis.text(
            x + 0.5, y + 0.5, f"{value:.3g}".replace("-", "−"), ha="center", va="center"
        )
    axis.set(
        xlim=(0, columns), ylim=(rows, 0), aspect="equal",
        xticks=range(columns + 1), yticks=range(rows + 1),
    )  # fmt: skip
    axis.tick_params(length=0, labelbottom=False, labelleft=False)
    axis.grid(True, alpha=0.6)
