"""Loss surface of a data set: move the data, and the surface moves."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

LOSSES: dict[str, Callable[..., Tensor]] = {
    "squared": F.mse_loss,
    "absolute": F.l1_loss,
    "Huber": F.huber_loss,
    "logistic": F.binary_cross_entropy_with_logits,
}
DATA, PARAMETERS = 3.0, 4.0  # how far both may be from zero


class LossSurface(Figure):
    """Loss surface of a data set, for a model with two parameters.

    The reader drags data points and sees the surface change, or drags the parameters
    and sees the model change.

    Args:
        x, y: (N,), the data, between −3 and 3; 2 to 20 of them. For "logistic" the
            label is 1 where y is positive, else 0.
        loss: mean over the data of "squared" or "absolute" error or "Huber" (δ = 1) of
            the line w x + b; or "logistic", the cross entropy of σ(w x + b).
        w, b: the parameters at the start, between −4 and 4.
        rate: of a step of gradient descent, between 0.01 and 2.
        steps: how many of them are drawn, from 1 to 60.
        picked: the point that the sliders move.

    Raises:
        traitlets.TraitError: a number is not finite, or out of range.
    """

    xs = traitlets.List(
        traitlets.Float(), [-2.4, -1.7, -1.1, -0.6, 0.2, 0.7, 1.3, 1.9, 2.5]
    ).tag(sync=True)
    ys = traitlets.List(
        traitlets.Float(), [-1.0, -1.1, -0.2, -0.3, 0.8, 0.6, 1.5, 1.4, 2.2]
    ).tag(sync=True)
    loss = traitlets.Enum(list(LOSSES), "squared").tag(sync=True)
    w = traitlets.Float(-2.0, min=-PARAMETERS, max=PARAMETERS).tag(sync=True)
    b = traitlets.Float(2.5, min=-PARAMETERS, max=PARAMETERS).tag(sync=True)
    rate = traitlets.Float(0.1, min=0.01, max=2.0).tag(sync=True)
    steps = traitlets.Int(1, min=1, max=60).tag(sync=True)
    picked = traitlets.Int(8, min=0).tag(sync=True)

    def __init__(
        self, x: Tensor | None = None, y: Tensor | None = None, **traits
    ) -> None:
        for name, values in (("xs", x), ("ys", y)):
            if values is not None:
                numbers = torch.as_tensor(values, dtype=torch.float64)
                traits[name] = [round(n, 4) for n in numbers.tolist()]
        count = len(traits.get("xs", self.xs))
        if count != len(traits.get("ys", self.ys)):
            raise traitlets.TraitError("x and y: give as many of the one as the other.")
        super().__init__(**({"picked": count - 1} | traits))

    @traitlets.validate("xs", "ys")
    def _data(self, proposal: traitlets.Bunch) -> list[float]:
        name = proposal.trait.name[0]
        finite(proposal.value, name)
        if not 2 <= len(proposal.value) <= 20 or max(map(abs, proposal.value)) > DATA:
            raise traitlets.TraitError(
                f"{name}: give 2 to 20 numbers, each between −3 and 3."
            )
        return proposal.value

    @traitlets.validate("w", "b", "rate")
    def _number(self, proposal: traitlets.Bunch) -> float:
        finite([proposal.value], proposal.trait.name)
        return proposal.value

    def result(self, theta: Tensor) -> Tensor:
        """Compute the mean loss.

        Args:
            theta: (..., 2), the parameters w and b.

        Returns:
            (...): the loss for each of them.
        """
        x, y = torch.tensor([self.xs, self.ys], dtype=theta.dtype)
        out = theta[..., :1] * x + theta[..., 1:]
        y = ((y > 0).to(y) if self.loss == "logistic" else y).expand_as(out)
        return LOSSES[self.loss](out, y, reduction="none").mean(-1)

    def still(self) -> Picture:
        """The data with the model, and the surface with the parameters."""
        picture = Picture(figsize=(7.4, 3.4), layout="constrained")
        left, right = picture.subplots(1, 2)
        x, y = torch.tensor([self.xs, self.ys], dtype=torch.float64)
        side = torch.linspace(-DATA, DATA, 100, dtype=torch.float64)
        curve = self.w * side + self.b
        if self.loss == "logistic":
            y, curve = (y > 0).double(), curve.sigmoid()
        left.plot(x, y, "o", color=COLOURS["blue"])
        left.plot(side, curve, color=COLOURS["orange"])
        low, high = (-0.1, 1.1) if self.loss == "logistic" else (-3.2, 3.2)
        left.set(xlabel="x", ylabel="y", ylim=(low, high), title="data and model")
        side = torch.linspace(-PARAMETERS, PARAMETERS, 81, dtype=torch.float64)
        heights = self.result(torch.cartesian_prod(side, side)).view(81, 81).T
        levels = heights.min().item() + 0.05 * 2.0 ** torch.arange(14)
        right.contour(
            side, side, heights, levels=levels, colors=COLOURS["blue"], linewidths=0.7
        )
        right.plot(self.w, self.b, "o", color=COLOURS["orange"])
        loss = self.result(torch.tensor([self.w, self.b], dtype=torch.float64))
        right.set(xlabel="w", ylabel="b", title=f"mean loss, here {loss:.3g}")
        return picture
