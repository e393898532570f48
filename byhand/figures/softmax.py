"""Softmax and cross entropy: logits to drag, what the loss says and asks for."""

import math
from collections.abc import Iterable, Mapping

import traitlets
from matplotlib.figure import Figure as Picture

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS


class Softmax(Figure):
    """Softmax and cross entropy of one example.

    The reader drags the logits and sees probabilities, loss and gradient.

    Args:
        cases: logits to choose by a button, by name; class 0 is their true class.
            The first are those at the start, unless `logits` says otherwise.
        logits: of two to eight classes, between −10 and 10.
        target: the true class, an index.
        temperature: the logits are divided by it, between 0.1 and 10.
        smoothing: ε of label smoothing, from 0 to 0.9; the target becomes
            (1 − ε) one-hot + ε/C, as in ``torch.nn.functional.cross_entropy``.
        shift: added to all logits; softmax does not change, a naive one overflows.

    Raises:
        traitlets.TraitError: a logit is not finite, or out of range.
    """

    logits = traitlets.List(traitlets.Float(), [0.5, 0.2, 0.0, -0.2]).tag(sync=True)
    target = traitlets.Int(0).tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.1, max=10.0).tag(sync=True)
    smoothing = traitlets.Float(0.0, min=0.0, max=0.9).tag(sync=True)
    shift = traitlets.Float(0.0).tag(sync=True)
    cases = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self, cases: Mapping[str, Iterable[float]] | None = None, **traits
    ) -> None:
        if cases:
            named = [(label, [float(z) for z in case]) for label, case in cases.items()]
            traits = {"logits": named[0][1]} | traits
            traits["cases"] = [{"label": label, "logits": z} for label, z in named]
        super().__init__(**traits)

    @traitlets.validate("logits")
    def _logits(self, proposal: traitlets.Bunch) -> list[float]:
        finite(proposal.value, "logits")
        if not 2 <= len(proposal.value) <= 8 or max(map(abs, proposal.value)) > 10:
            raise traitlets.TraitError(
                "logits: give two to eight, each between −10 and 10."
            )
        return proposal.value

    @traitlets.validate("cases")
    def _cases(self, proposal: traitlets.Bunch) -> list[dict]:
        for case in proposal.value:
            finite(case["logits"], case["label"])
        return proposal.value

    @traitlets.validate("target")
    def _target(self, proposal: traitlets.Bunch) -> int:
        if not 0 <= proposal.value < len(self.logits):
            raise traitlets.TraitError(
                f"target: {proposal.value} is none of the {len(self.logits)} classes."
            )
        return proposal.value

    def still(self) -> Picture:
        """Bars of logits, probabilities and gradient, and the loss."""
        count = len(self.logits)
        scaled = [z / self.temperature for z in self.logits]
        top = max(scaled)
        total = sum(math.exp(z - top) for z in scaled)
        p = [math.exp(z - top) / total for z in scaled]
        y = [self.smoothing / count] * count
        y[self.target] += 1 - self.smoothing
        loss = (
            top + math.log(total) - sum(a * b for a, b in zip(y, scaled, strict=True))
        )
        gradient = [(a - b) / self.temperature for a, b in zip(p, y, strict=True)]
        picture = Picture(figsize=(6.4, 0.8 + 0.35 * count), layout="constrained")
        panels = zip(
            picture.subplots(1, 3, sharey=True),
            (self.logits, p, gradient),
            ("logits $z$", "softmax $p$", "gradient"),
            ("blue", "green", "orange"),
            strict=True,
        )
        for axis, values, title, colour in panels:
            axis.barh(range(count), values, color=COLOURS[colour])
            axis.axvline(0, color=COLOURS["black"], lw=0.8)
            axis.set(title=title, yticks=range(count))
            axis.set_yticklabels(
                f"{i}, true" if i == self.target else str(i) for i in range(count)
            )
        axis.invert_yaxis()
        picture.supxlabel(f"loss {loss:.2f}")
        return picture
