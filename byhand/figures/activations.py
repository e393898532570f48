"""Activations: what a function does to what arrives, and ten layers of it."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

LAYERS = 10


class Activations(Figure):
    """Activations: function, derivative, and what ten layers make of them.

    The reader moves what arrives, and sees what becomes of signal and gradient.

    Args:
        arrivals: numbers of any shape; their mean and standard deviation are shown.
        activation: one of the chapter's catalogue, or softplus.
        mean, spread: mean and standard deviation of the (normal) arrivals.
        a: slope of Leaky ReLU on the left.
        alpha: α of ELU.
        beta: β of Swish.
        gain: weights of the further layers are drawn with mean 0 and variance
            gain²/n, for n inputs.

    Raises:
        traitlets.TraitError: a number is not finite, or out of range.
    """

    activation = traitlets.Enum(
        ["step", "identity", "sigmoid", "tanh", "ReLU", "Leaky ReLU", "ELU", "SELU",
         "Swish", "GELU", "softplus", "sine"],
        "tanh",
    ).tag(sync=True)  # fmt: skip
    mean = traitlets.Float(0.0, min=-6.0, max=6.0).tag(sync=True)
    spread = traitlets.Float(1.0, min=0.1, max=10.0).tag(sync=True)
    a = traitlets.Float(0.1, min=0.0, max=1.0).tag(sync=True)
    alpha = traitlets.Float(1.0, min=0.0, max=3.0).tag(sync=True)
    beta = traitlets.Float(1.0, min=0.1, max=10.0).tag(sync=True)
    gain = traitlets.Float(1.0, min=0.1, max=5.0).tag(sync=True)

    def __init__(self, arrivals: Tensor | None = None, **traits) -> None:
        if arrivals is not None:
            numbers = arrivals.detach().double()
            finite([numbers.mean().item(), numbers.std().item()], "arrivals")
            measured = {"mean": numbers.mean().item(), "spread": numbers.std().item()}
            traits = measured | traits
        super().__init__(**traits)

    def function(self) -> Callable[[Tensor], Tensor]:
        """Return PyTorch's own function, with the present parameters."""
        functions: dict[str, Callable[[Tensor], Tensor]] = {
            "step": lambda z: (z >= 0).to(z.dtype) + 0 * z,
            "identity": lambda z: z * 1,
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "ReLU": F.relu,
            "Leaky ReLU": lambda z: F.leaky_relu(z, self.a),
            "ELU": lambda z: F.elu(z, self.alpha),
            "SELU": F.selu,
            "Swish": lambda z: z * torch.sigmoid(self.beta * z),
            "GELU": F.gelu,
            "softplus": F.softplus,
            "sine": torch.sin,
        }
        return functions[self.activation]

    def moments(self, mean: float, spread: float) -> Tensor:
        """Expectations of σ(Z), σ(Z)², σ′(Z) and σ′(Z)², Z normal: (4,)."""
        t = (torch.arange(1600, dtype=torch.float64) - 799.5) / 100
        weight = torch.exp(-(t**2) / 2) / math.sqrt(2 * math.pi) / 100
        z = (mean + spread * t).requires_grad_()
        value = self.function()(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
        value = value.detach()
        rows = torch.stack([value, value**2, slope, slope**2])
        return rows @ weight

    def layers(self) -> tuple[Tensor, Tensor]:
        """Return the sizes (root mean squares) of signal and gradient, each (10,).

        The signal is what leaves layers 1 to 10; the gradient, what arrives at their
        pre-activations when a gradient of size 1 comes in at the end. Further layers
        are wide, so that their pre-activations are normal: their mean is 0 and their
        variance gain² times the mean square that came before.
        """
        mean, spread = self.mean, self.spread
        signal, factor = [], []
        for _ in range(LAYERS):
            _, square, _, slope = self.moments(mean, spread).tolist()
            signal.append(math.sqrt(square))
            factor.append(math.sqrt(slope))
            mean, spread = 0.0, self.gain * signal[-1]
        gradient = [factor[-1]]
        for each in reversed(factor[:-1]):
            gradient.insert(0, each * self.gain * gradient[0])
        return torch.tensor(signal).double(), torch.tensor(gradient).double()

    def still(self) -> Picture:
        """Function and derivative over what arrives; sizes by layer."""
        picture = Picture(figsize=(6.4, 3), layout="constrained")
        left, right = picture.subplots(1, 2)
        z = torch.linspace(-6, 6, 601, dtype=torch.float64).requires_grad_()
        value = self.function()(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
        x, value = z.detach(), value.detach()
        density = torch.exp(-(((x - self.mean) / self.spread) ** 2) / 2)
        left.fill_between(x, density, color="0.75", label="what arrives")
        left.plot(x, value, label=f"{self.activation}")
        left.plot(x, slope, label="derivative")
        left.set(ylim=(-1.8, 2.6), xlabel="$z$")
        layers = range(1, LAYERS + 1)
        signal, gradient = (sizes.clamp(min=1e-12) for sizes in self.layers())
        right.plot(layers, signal, marker="o", color=COLOURS["green"], label="signal")
        right.plot(layers, gradient, "--^", color=COLOURS["pink"], label="gradient")
        right.set(yscale="log", xlabel="layer", title="size by layer")
        for axis in (left, right):
            axis.legend(fontsize=8)
        return picture
