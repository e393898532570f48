"""Batch norm: what each layer sees, and the statistics that it keeps for later."""

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, normal, uniform
from byhand.plots import COLOURS

INPUTS, WIDTH, DEPTH = 4, 8, 6
BATCHES, LARGEST = 60, 256
CHANGE = 30  # so many batches come before the inputs move
EPS = 1e-5


class BatchNorm(Figure):
    """Batch normalisation in six layers, and its running statistics.

    The network has six layers of eight sigmoids and random weights, which stay as they
    are. Batches of normal numbers go through it.

    Args:
        batch_size: from 1, which PyTorch refuses in training, to 256.
        mode: "train" or "eval": by which statistics the batch is normalised. The
            running statistics have always been gathered in training.
        seen: how many of 60 batches have gone by; the last of them is shown.
        momentum: α of the running statistics, from 0.01 to 1.
        shift: added to all inputs after batch 30.
        gamma, beta: scale and shift after normalisation, those of all units.
        normalise: False: the network without batch norm.
        layer, unit: which one is looked at; both count from 1.

    Raises:
        traitlets.TraitError: a setting is out of range.
    """

    batch_size = traitlets.Int(32, min=1, max=LARGEST).tag(sync=True)
    mode = traitlets.Enum(["train", "eval"], "train").tag(sync=True)
    seen = traitlets.Int(20, min=1, max=BATCHES).tag(sync=True)
    momentum = traitlets.Float(0.1, min=0.01, max=1.0).tag(sync=True)
    shift = traitlets.Float(0.0, min=-3.0, max=3.0).tag(sync=True)
    gamma = traitlets.Float(1.0, min=0.0, max=3.0).tag(sync=True)
    beta = traitlets.Float(0.0, min=-3.0, max=3.0).tag(sync=True)
    normalise = traitlets.Bool(True).tag(sync=True)
    layer = traitlets.Int(1, min=1, max=DEPTH).tag(sync=True)
    unit = traitlets.Int(4, min=1, max=WIDTH).tag(sync=True)

    def batch(self, number: int) -> Tensor:
        """Inputs of batch `number`, which counts from 1: (batch_size, 4)."""
        x = normal(1000 + number, LARGEST * INPUTS).view(LARGEST, INPUTS)
        return x[: self.batch_size] + self.shift * (number > CHANGE)

    def result(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the present settings give, computed by PyTorch.

        Returns:
            Inputs and outputs of the six normalisations for the last batch, each
            (6, batch_size, 8), and running mean and variance, each (6, 8).

        Raises:
            ValueError: a batch of one in training, in PyTorch's words.
        """
        running_mean = torch.zeros(DEPTH, WIDTH, dtype=torch.float64)
        running_var = torch.ones_like(running_mean)
        gamma = torch.full((WIDTH,), self.gamma, dtype=torch.float64)
        beta = torch.full_like(gamma, self.beta)

        def forward(x: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            before, after = [], []
            for layer, W in enumerate(weights()):
                before.append(x @ W.T)
                after.append(before[-1])
                if self.normalise:
                    after[-1] = F.batch_norm(
                        before[-1], running_mean[layer], running_var[layer],
                        gamma, beta, training, self.momentum, EPS,
                    )  # fmt: skip
                x = after[-1].sigmoid()
            return torch.stack(before), torch.stack(after)

        if self.batch_size > 1 or self.mode == "train":
            for number in range(1, self.seen + 1):
                both = forward(self.batch(number), training=True)
        if self.mode == "eval":
            both = forward(self.batch(self.seen), training=False)
        return *both, running_mean, running_var

    def still(self) -> Picture:
        """The unit's values in each layer, before and after normalisation."""
        picture = Picture(figsize=(6.4, 3.2), layout="constrained")
        try:
            values = self.result()[:2]
        except ValueError as error:
            picture.text(0.5, 0.5, f"PyTorch refuses:\n{error}", ha="center")
            return picture
        titles = (
            "before",
            f"after: {self.mode}" if self.normalise else "no batch norm",
        )
        for axis, table, title, colour in zip(
            picture.subplots(1, 2, sharey=True), values, titles, ("orange", "blue"),
            strict=True,
        ):  # fmt: skip
            for layer, column in enumerate(table[..., self.unit - 1]):
                axis.plot(column, [layer + 1] * len(column), "|", c=COLOURS[colour])
            axis.set(title=title, xlim=(-4, 4), xlabel=f"unit {self.unit}")
        axis.set(ylim=(DEPTH + 0.5, 0.5), yticks=range(1, DEPTH + 1))
        picture.supylabel("layer")
        return picture


def weights() -> list[Tensor]:
    """The weights of each layer, (8, 4) and then (8, 8), as Xavier's rule draws them."""
    found = []
    for layer in range(DEPTH):
        inputs = WIDTH if layer else INPUTS
        reach = (6 / (inputs + WIDTH)) ** 0.5
        drawn = uniform(1 + layer, WIDTH * inputs).view(WIDTH, inputs)
        found.append((2 * drawn - 1) * reach)
    return found
