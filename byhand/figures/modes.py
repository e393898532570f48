"""Forward and reverse mode: a Jacobian by columns or by rows, and what each costs."""

from typing import Any

import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

LARGEST = 10


def _partials() -> list[list[list[float]]]:
    """Derivatives along the edges of three layers, for the largest sizes."""
    dice = torch.Generator().manual_seed(0)
    layers = torch.randn(3, LARGEST, LARGEST, generator=dice, dtype=torch.float64)
    return layers.mul(0.7).round(decimals=1).tolist()


class Modes(Figure):
    """Forward and reverse mode, sweep by sweep, on a graph of four layers.

    The reader changes the layers' sizes and sees which mode has its Jacobian first.

    Args:
        inputs, hidden, outputs: sizes n, h and m of the layers n → h → h → m, at
            most ten.
        skip: leave out multiplications by the 0s and the 1 with which a sweep
            begins, so that its first layer costs nothing.
        step: how many layers each mode's sweeps have passed; three make a sweep.
        partials: three matrices (10, 10), row by row: the derivative of each node by
            each node of the layer before. The layers take the corners.

    Raises:
        traitlets.TraitError: a size is out of range, or a derivative is not finite.
    """

    inputs = traitlets.Int(6, min=1, max=LARGEST).tag(sync=True)
    hidden = traitlets.Int(4, min=1, max=LARGEST).tag(sync=True)
    outputs = traitlets.Int(2, min=1, max=LARGEST).tag(sync=True)
    skip = traitlets.Bool(False).tag(sync=True)
    step = traitlets.Int(8, min=0).tag(sync=True)
    partials = traitlets.List(traitlets.List()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**{"partials": _partials()} | traits)

    @traitlets.validate("partials")
    def _square(self, proposal: traitlets.Bunch) -> list:
        layers = proposal.value
        finite([x for layer in layers for row in layer for x in row], "partials")
        sides = [len(layer) for layer in layers] + [len(r) for la in layers for r in la]
        if len(layers) != 3 or set(sides) != {LARGEST}:
            raise traitlets.TraitError(f"partials: give three {LARGEST}×{LARGEST}.")
        return layers

    def layers(self) -> list[Tensor]:
        """Jacobians of the three layers: (h, n), (h, h), (m, h)."""
        n, h, m = self.inputs, self.hidden, self.outputs
        full = torch.tensor(self.partials, dtype=torch.float64)
        return [full[0, :h, :n], full[1, :h, :h], full[2, :m, :h]]

    def jacobian(self, mode: str) -> tuple[Tensor, int]:
        """The Jacobian by PyTorch's matrix products, one sweep at a time, counted.

        Args:
            mode: ``"forward"``, a column a sweep, or ``"reverse"``, a row a sweep.

        Returns:
            (m, n), and the multiplications that PyTorch's counter of operations saw.
        """
        layers = self.layers()
        if mode == "reverse":  # the transposed graph, from its other end
            layers = [layer.T for layer in layers[::-1]]
        sweeps = []
        with FlopCounterMode(display=False) as counter:
            for seed in torch.eye(layers[0].shape[1], dtype=torch.float64):
                v = seed[:, None]
                for place, layer in enumerate(layers):
                    begins = place == 0 and self.skip
                    v = layer[:, seed.bool()] if begins else layer @ v
                sweeps.append(v)
        J = torch.cat(sweeps, 1)
        count = counter.get_total_flops() // 2  # each with an addition
        return (J if mode == "forward" else J.T), count

    def still(self) -> Picture:
        """The Jacobian as far as each mode has come, and what all of it costs."""
        picture = Picture(figsize=(6.4, 2.6), layout="constrained")
        axes = picture.subplots(1, 2)
        for axis, mode in zip(axes, ("forward", "reverse"), strict=True):
            J, count = self.jacobian(mode)
            every = J.shape[1] if mode == "forward" else J.shape[0]
            done = min(self.step // 3, every)
            shown = J.clone()
            (shown if mode == "forward" else shown.T)[:, done:] = torch.nan
            top = J.abs().max().item() or 1.0
            axis.imshow(shown.numpy(), cmap="RdBu", vmin=-top, vmax=top)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color=COLOURS["black"])
            axis.set_title(
                f"{mode} mode, {done} of {every} sweeps\n{count:,} multiplications"
            )
        return picture
