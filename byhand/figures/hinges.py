"""Universal approximation: a curve to be drawn, and the hinges that follow it."""

from collections.abc import Iterable, Mapping

import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

MOST = 64  # hinges
GRID = 64  # places in each piece at which the error is measured


class Hinges(Figure):
    """Universal approximation: a curve to be drawn, and the hinges that follow it.

    The network with one hidden layer is constructed, not trained: knots at equal
    distances, one ReLU each, as in chapter 6.

    Args:
        points: 5 to 16 heights between −1.5 and 1.5, at x = 0, 1, 2, …; the curve goes
            smoothly through them (Catmull and Rom).
        width: number of hinges, from 1 to 64.
        point: the one that the height slider moves.
        hinges: draw each hinge too.
        trained: largest errors of networks that were trained on this curve, by width,
            one for each seed; they are drawn for comparison.

    Raises:
        traitlets.TraitError: a number is not finite, or out of range.
    """

    points = traitlets.List(
        traitlets.Float(),
        [0.1, 0.3, 0.9, 1.0, 0.6, 0.5, 0.7, 0.2, -0.4, -0.5, 0.0, 0.1, 0.4],
    ).tag(sync=True)
    width = traitlets.Int(8, min=1, max=MOST).tag(sync=True)
    point = traitlets.Int(3, min=0).tag(sync=True)
    hinges = traitlets.Bool(False).tag(sync=True)
    trained = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self, trained: Mapping[int, Iterable[float]] | None = None, **traits
    ) -> None:
        if trained:
            traits["trained"] = [
                {"width": int(n), "errors": sorted(float(e) for e in errors)}
                for n, errors in trained.items()
            ]
        super().__init__(**traits)

    @traitlets.validate("points")
    def _points(self, proposal: traitlets.Bunch) -> list[float]:
        points = proposal["value"]
        finite(points, "points")
        if not 5 <= len(points) <= 16 or max(map(abs, points)) > 1.5:
            raise traitlets.TraitError(
                "points: give 5 to 16, each between −1.5 and 1.5."
            )
        return points

    @traitlets.validate("trained")
    def _trained(self, proposal: traitlets.Bunch) -> list[dict]:
        for network in proposal["value"]:
            finite(network["errors"], f"trained, width {network['width']}")
        return proposal["value"]

    def curve(self, x: Tensor) -> Tensor:
        """The curve through the points, for x from 0 to their number − 1."""
        p = torch.tensor(self.points, dtype=torch.float64)
        p = torch.cat([p[:1], p, p[-1:]])
        i = x.floor().clamp(0, len(self.points) - 2).long()
        t, (p0, p1, p2, p3) = x - i, (p[i + k] for k in range(4))
        m1, m2 = (p2 - p0) / 2, (p3 - p1) / 2  # slopes at the two ends
        return (
            (1 + 2 * t) * (1 - t) ** 2 * p1 + t * (1 - t) ** 2 * m1
            + t**2 * (3 - 2 * t) * p2 + t**2 * (t - 1) * m2
        )  # fmt: skip

    def network(self, x: Tensor, width: int) -> Tensor:
        """The sum of so many hinges, formula (6.2)."""
        last = len(self.points) - 1
        knots = torch.linspace(0, last, width + 1, dtype=torch.float64)
        heights = self.curve(knots)
        slopes = heights.diff() / knots.diff()
        bends = slopes.diff(prepend=torch.zeros(1, dtype=torch.float64))
        return heights[0] + (x[:, None] - knots[:-1]).relu() @ bends

    def error(self, width: int) -> float:
        """The largest error of so many hinges, at 64 places in each piece."""
        last = len(self.points) - 1
        x = torch.linspace(0, last, GRID * width + 1, dtype=torch.float64)
        return (self.network(x, width) - self.curve(x)).abs().max().item()

    def still(self) -> Picture:
        """The curve with its network, and the error against the width."""
        last = len(self.points) - 1
        x = torch.linspace(0, last, 401, dtype=torch.float64)
        picture = Picture(figsize=(6.4, 2.8), layout="constrained")
        left, right = picture.subplots(1, 2)
        left.plot(x, self.curve(x), color="0.7", ls="-", lw=5, label="curve")
        network = self.network(x, self.width)
        left.plot(x, network, color=COLOURS["orange"], ls="-", label="network")
        left.plot(self.points, "o", color=COLOURS["blue"], mfc="none", label="points")
        left.set(title=f"{self.width} hinges", xlabel="x")
        left.legend(fontsize=7)
        widths = range(1, MOST + 1)
        errors = [self.error(n) for n in widths]
        right.loglog(widths, errors, color=COLOURS["orange"], label="constructed")
        right.plot(self.width, errors[self.width - 1], "o", color=COLOURS["orange"])
        for n, trained in enumerate(self.trained):
            reached = trained["errors"]
            right.plot(
                [trained["width"]] * len(reached), reached, "_", color=COLOURS["blue"],
                label=None if n else "trained",
            )  # fmt: skip
        right.set(xlabel="hidden units", ylabel="largest error")
        right.legend(fontsize=7)
        return picture
