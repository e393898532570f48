"""Playground: a small network, trained where the reader sees it."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor, nn

from byhand.figures.figure import Figure, finite
from byhand.plots import show_points

DATA = ["circles", "xor", "spirals", "moons", "own"]
COUNT = 200  # points for training; as many more for the test


class Sine(nn.Module):
    """The sine of each number."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.sin(z)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "ReLU": nn.ReLU,
    "Leaky ReLU": lambda: nn.LeakyReLU(0.1),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "SiLU": nn.SiLU,
    "sine": Sine,
}


class Playground(Figure):
    """Playground: a small network that learns points in the plane.

    The reader chooses points, network and training, and moves through its steps. The
    state is settings and a number of steps: the same settings give the same run.

    Args:
        X: (N, 2), between −1.6 and 1.6: points to learn, instead of a named set.
        y: (N,), their classes, 0 or 1.
        data: circles, xor, spirals or moons, made as in ``byhand.data.toy``; or own.
        noise: standard deviation of these points about their place.
        activation: of the hidden layers; one of ``ACTIVATIONS``.
        depth, width: so many hidden layers of so many units.
        init: linear (as ``torch.nn.Linear`` draws), he, large (ten times linear),
            equal (all weights ½) or zero.
        optimiser: SGD or Adam; with the learning rate `rate`.
        batch: points in a step; 0: all.
        decay: λ of the penalty (λ/2)·Σw² on all weights, and not on biases.
        seed: of points, initial weights and batches.
        step: how many steps of training are shown.
        speed: steps a picture while it plays; 0: as many as there is time for.
        label, x1, x2: class and place of the next point that the reader adds.

    Raises:
        traitlets.TraitError: a setting is out of range, or a point is not finite.
    """

    data = traitlets.Enum(DATA, "circles").tag(sync=True)
    points = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    noise = traitlets.Float(0.1, min=0.0, max=0.5).tag(sync=True)
    activation = traitlets.Enum(list(ACTIVATIONS), "tanh").tag(sync=True)
    depth = traitlets.Int(1, min=1, max=4).tag(sync=True)
    width = traitlets.Int(4, min=1, max=8).tag(sync=True)
    init = traitlets.Enum(["linear", "he", "large", "equal", "zero"], "linear").tag(
        sync=True
    )
    optimiser = traitlets.Enum(["SGD", "Adam"], "SGD").tag(sync=True)
    rate = traitlets.Float(3.0, min=0.001, max=30.0).tag(sync=True)
    batch = traitlets.Enum([0, 50, 10], 0).tag(sync=True)
    decay = traitlets.Float(0.0, min=0.0, max=0.05).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=99).tag(sync=True)
    step = traitlets.Int(200, min=0, max=3000).tag(sync=True)
    speed = traitlets.Enum([1, 5, 20, 0], 1).tag(sync=True)
    label = traitlets.Int(1, min=0, max=1).tag(sync=True)
    x1 = traitlets.Float(0.0, min=-1.6, max=1.6).tag(sync=True)
    x2 = traitlets.Float(0.0, min=-1.6, max=1.6).tag(sync=True)

    def __init__(
        self, X: Tensor | None = None, y: Tensor | None = None, **traits
    ) -> None:
        if X is not None and y is not None:
            own = torch.cat([X.double(), y.double()[:, None]], dim=1)
            traits = {"data": "own", "points": own.tolist()} | traits
        super().__init__(**traits)

    @traitlets.validate("points")
    def _points(self, proposal: traitlets.Bunch) -> list[list[float]]:
        for place, point in enumerate(proposal.value):
            finite(point, f"point {place}")
            if len(point) != 3 or point[2] not in (0, 1):
                raise traitlets.TraitError(
                    f"points: number {place} is {point}; give x₁, x₂ and a class, 0 or 1."
                )
        return proposal.value

    def training_points(self) -> Tensor:
        """Return x₁, x₂ and class of each point, (N, 3), in double precision."""
        own = self.data == "own"
        points = self.points if own else toy(self.data, self.noise, 3 * self.seed)
        return torch.tensor(points, dtype=torch.float64).reshape(-1, 3)

    def network(self) -> nn.Sequential:
        """Train as the figure does, with autograd and PyTorch's optimisers.

        Returns:
            The network after `step` steps: 2 numbers in, a logit out, in double
            precision.
        """
        return self._train()[0]

    def trace(self) -> tuple[Tensor, list[float]]:
        """Return what :meth:`network` went through.

        Returns:
            All parameters before each step and at the end, (step + 1, P), weights
            before biases, layer by layer; and before each step the loss of its points.
        """
        return self._train()[1:]

    def _train(self) -> tuple[nn.Sequential, Tensor, list[float]]:
        points = self.training_points()
        network = self._fresh()
        weights = [p for p in network.parameters() if p.ndim == 2]
        kind = torch.optim.SGD if self.optimiser == "SGD" else torch.optim.Adam
        optimiser = kind(network.parameters(), self.rate)
        vector = nn.utils.parameters_to_vector
        trace, losses = [vector(network.parameters()).detach()], []
        for rows in self._batches(len(points)):
            X, y = points[rows, :2], points[rows, 2]
            loss = F.binary_cross_entropy_with_logits(network(X)[:, 0], y)
            penalty = sum(w.square().sum() for w in weights)
            optimiser.zero_grad()
            (loss + self.decay / 2 * penalty).backward()
            optimiser.step()
            trace.append(vector(network.parameters()).detach())
            losses.append(loss.item())
        return network, torch.stack(trace), losses

    def _fresh(self) -> nn.Sequential:
        sizes = [2, *[self.width] * self.depth, 1]
        modules: list[nn.Module] = []
        uniform = uniforms(3 * self.seed + 2)
        for m, n in pairwise(sizes):
            layer = nn.Linear(m, n, dtype=torch.float64)
            draws = torch.tensor(
                [self._draw(uniform, m) for _ in range(n * (m + 1))],
                dtype=torch.float64,
            )
            with torch.no_grad():
                layer.weight.copy_(draws[: n * m].view(n, m))
                layer.bias.copy_(draws[n * m :])
                if self.init not in ("linear", "large"):
                    layer.bias.zero_()
            modules += [layer, ACTIVATIONS[self.activation]()]
        return nn.Sequential(*modules[:-1])

    def _draw(self, uniform: Iterator[float], inputs: int) -> float:
        if self.init in ("equal", "zero"):
            return 0.5 if self.init == "equal" else 0.0
        if self.init == "he":
            return math.sqrt(2 / inputs) * _normal(uniform)
        scale = 10 if self.init == "large" else 1
        return scale * (2 * next(uniform) - 1) / math.sqrt(inputs)

    def _batches(self, count: int) -> Iterator[slice | list[int]]:
        """The rows of each step: all, or parts of a new order for each epoch."""
        size = self.batch or count
        if count == 0:
            return
        each = math.ceil(count / size)
        for step in range(self.step):
            if size >= count:
                yield slice(None)
                continue
            epoch, part = divmod(step, each)
            if part == 0:
                order = _shuffled(count, 7919 * (self.seed + 1) + epoch)
            yield order[part * size : (part + 1) * size]

    def still(self) -> Picture:
        """The plane as the network sees it, and its loss on the way."""
        picture = Picture(figsize=(6.4, 3), layout="constrained")
        left, right = picture.subplots(1, 2)
        network, _, losses = self._train()
        points = self.training_points()
        side = torch.linspace(-1.6, 1.6, 100, dtype=torch.float64)
        with torch.no_grad():
            p = torch.sigmoid(network(torch.cartesian_prod(side, side))).view(100, 100)
        if p.isfinite().all():
            left.contourf(
                side, side, p.T, levels=[k / 10 for k in range(11)], cmap="PuOr_r",
                alpha=0.6,
            )  # fmt: skip
            left.contour(side, side, p.T, levels=[0.5], colors="#222222")
        show_points(points[:, :2], points[:, 2], left)
        left.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), title=f"after {self.step} steps")
        right.plot(losses)
        right.set(xlabel="step", title="training loss", ylim=(0, None))
        return picture


def toy(name: str, noise: float, seed: int) -> list[list[float]]:
    """Points [x₁, x₂, class], made as by ``byhand.data.toy``, by the figure's dice.

    Args:
        name: circles, xor, spirals or moons.
        noise: standard deviation of a point about its place.
        seed: the same seed gives the same points, here and in the browser.
    """
    uniform = uniforms(seed)
    points = []
    for place in range(COUNT):
        label = place % 2
        u, v = next(uniform), next(uniform)
        if name == "circles":
            radius = 0.5 * math.sqrt(u) if label else 1.0
            x = [radius * math.cos(2 * math.pi * v), radius * math.sin(2 * math.pi * v)]
        elif name == "xor":
            x = [0.1 + 1.1 * u, 0.1 + 1.1 * v]
            sign = 1 if next(uniform) < 0.5 else -1
            x = [sign * x[0], (-sign if label else sign) * x[1]]
        elif name == "spirals":
            t = math.sqrt(0.02 + 0.98 * u)
            angle = 3.5 * math.pi * t + math.pi * label
            x = [1.2 * t * math.cos(angle), 1.2 * t * math.sin(angle)]
        else:
            x = [math.cos(math.pi * u), math.sin(math.pi * u)]
            x = [0.5 - x[0], 0.25 - x[1]] if label else [x[0] - 0.5, x[1] - 0.25]
        points.append(
            [*(value + noise * _normal(uniform) for value in x), float(label)]
        )
    return points


def uniforms(seed: int) -> Iterator[float]:
    """Numbers in [0, 1): mulberry32, as ``random`` of kit.js has it."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) % 2**32
        t = (state ^ state >> 15) * (state | 1) % 2**32
        t ^= (t + (t ^ t >> 7) * (t | 61)) % 2**32
        yield (t ^ t >> 14) / 2**32


def _normal(uniform: Iterator[float]) -> float:
    radius = math.sqrt(-2 * math.log(1 - next(uniform)))
    return radius * math.cos(2 * math.pi * next(uniform))


def _shuffled(count: int, seed: int) -> list[int]:
    order, uniform = list(range(count)), uniforms(seed)
    for last in range(count - 1, 0, -1):
        other = int(next(uniform) * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order
