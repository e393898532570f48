"""A hundred layers: the size of signal and gradient at the start."""

import math

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

ACTIVATIONS = {
    "linear": lambda z: z,
    "ReLU": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
RESIDUALS = ("none", "z + f", "z + f/√L")
BATCH = 8
MOST = 100  # layers


def normals(seed: int, count: int) -> Tensor:
    """The standard normal numbers that ``normal(random(seed))`` of the kit gives.

    Args:
        seed: any integer that is not negative.
        count: how many.

    Returns:
        (count,), in double precision.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2³² is meant
        steps = np.arange(1, 2 * count + 1, dtype=np.uint32)
        state = np.uint32(seed) + steps * np.uint32(0x6D2B79F5)
        t = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
        t ^= t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))
    u = torch.from_numpy((t ^ (t >> np.uint32(14))).astype(np.float64) / 2**32)
    return torch.sqrt(-2 * torch.log(1 - u[::2])) * torch.cos(2 * math.pi * u[1::2])


class Depth(Figure):
    """A hundred layers: the size of signal and gradient at the start.

    A layer takes z to W act(z), or to z + W act(z), or to z + W act(z)/√L, with W from
    N(0, gain²/width), as in chapter 9. The reader changes all of it.

    Args:
        gain: from 0.25 to 4.
        activation: linear, ReLU, tanh or sigmoid.
        residual: none, "z + f" or "z + f/√L".
        width: units of each layer: 8, 16, 32 or 64.
        depth: number L of layers, from 2 to 100.
        seed: of the weights, of eight inputs and of the gradient that comes in.
        layer: the one that is read off.

    Raises:
        traitlets.TraitError: a setting is out of range, or no number.
    """

    gain = traitlets.Float(1.0, min=0.25, max=4.0).tag(sync=True)
    activation = traitlets.Enum(list(ACTIVATIONS), "ReLU").tag(sync=True)
    residual = traitlets.Enum(RESIDUALS, "none").tag(sync=True)
    width = traitlets.Enum([8, 16, 32, 64], 64).tag(sync=True)
    depth = traitlets.Int(MOST, min=2, max=MOST).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=10**6).tag(sync=True)
    layer = traitlets.Int(50, min=0, max=MOST).tag(sync=True)

    @traitlets.validate("gain")
    def _gain(self, proposal: traitlets.Bunch) -> float:
        finite([proposal["value"]], "gain")
        return proposal["value"]

    def result(self) -> tuple[Tensor, Tensor, float]:
        """Forward and backward pass of the present settings.

        Returns:
            Root mean square of z and of ∂L/∂z in layers 0 to L, (L + 1,) each; and the
            mean cosine between two inputs in the last layer. In double precision.
        """
        d, act = self.width, ACTIVATIONS[self.activation]
        z = normals(3 * self.seed, BATCH * d).view(BATCH, d).requires_grad_()
        weights = normals(3 * self.seed + 1, self.depth * d * d).view(-1, d, d)
        upstream = normals(3 * self.seed + 2, BATCH * d).view(BATCH, d)
        scale = self.depth**-0.5 if self.residual == "z + f/√L" else 1.0
        history = [z]
        for W in weights * self.gain / math.sqrt(d):
            f = scale * act(z) @ W.T
            z = f if self.residual == "none" else z + f
            history.append(z)
        gradients = torch.autograd.grad(z, history, upstream)
        signal, gradient = (
            torch.stack([t.detach().square().mean().sqrt() for t in each])
            for each in (history, gradients)
        )
        unit = z.detach() / z.detach().norm(dim=1, keepdim=True)
        cosine = ((unit @ unit.T).sum() - BATCH) / (BATCH * (BATCH - 1))
        return signal, gradient, cosine.item()

    def still(self) -> Picture:
        """Signal and gradient by layer, logarithmic."""
        signal, gradient, _ = self.result()
        picture = Picture(figsize=(6.4, 2.8), layout="constrained")
        panels = zip(
            picture.subplots(1, 2, sharex=True),
            (signal, gradient),
            ("signal", "gradient"),
            ("blue", "orange"),
            strict=True,
        )
        for axis, values, name, colour in panels:
            axis.semilogy(values, color=COLOURS[colour])
            axis.set(xlabel="layer", title=f"{name}, root mean square")
        residual = "" if self.residual == "none" else f", {self.residual}"
        picture.suptitle(f"{self.activation}, gain {self.gain:.3g}{residual}")
        return picture
