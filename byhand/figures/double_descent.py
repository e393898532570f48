"""Double descent: least squares on more and more random features."""

import math
from functools import cache

import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, normal, uniform
from byhand.plots import COLOURS

WAVES, MOST = 60, 200
COUNTS = [*range(1, 31), 34, 40, 48, 60, 80, 100, 140, MOST]


class DoubleDescent(Figure):
    """Double descent, on a curve through a few points.

    A feature is a random curve, a sum of 60 cosines; the fit is a sum of features,
    with weights found by least squares. Where many fits are the best, it is the one
    with the smallest weights.

    Args:
        features: P, from 1 to 200: how many the fit is made of.
        points: n, from 6 to 24: how many it is made for.
        noise: standard deviation of what was added to the true curve, from 0 to 1.
        decay: λ of weight decay, from 0 to 1: ‖Φw − y‖² + λ‖w‖² is made small.
        draw: from 1 to 10: other points, noise and features.

    Raises:
        traitlets.TraitError: a setting is out of range.
    """

    features = traitlets.Int(20, min=1, max=MOST).tag(sync=True)
    points = traitlets.Int(20, min=6, max=24).tag(sync=True)
    noise = traitlets.Float(0.3, min=0.0, max=1.0).tag(sync=True)
    decay = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
    draw = traitlets.Int(8, min=1, max=10).tag(sync=True)

    def data(self) -> tuple[Tensor, Tensor]:
        """The points, x and y: each (n,)."""
        jitter = uniform(100 * self.draw, self.points)
        x = (0.2 + 0.6 * jitter + torch.arange(self.points)) * 2 / self.points - 1
        return x, truth(x) + self.noise * normal(100 * self.draw + 1, self.points)

    def matrix(self, x: Tensor, count: int) -> Tensor:
        """The first `count` features at x: (len(x), count)."""
        k = torch.arange(WAVES, dtype=torch.float64)
        waves = torch.cos(math.pi / 2 * k * (x[:, None] + 1))
        return waves @ shares(self.draw)[:count].T / count**0.5

    def weights(self, count: int) -> Tensor:
        """The weights of the first `count` features, by PyTorch: (count,)."""
        x, y = self.data()
        Phi = self.matrix(x, count)
        if self.decay == 0:  # the solution of smallest norm
            return torch.linalg.lstsq(Phi, y[:, None], driver="gelsd").solution[:, 0]
        G = Phi @ Phi.T + self.decay * torch.eye(self.points, dtype=torch.float64)
        return Phi.T @ torch.linalg.solve(G, y)

    def errors(self, count: int) -> tuple[float, float, float]:
        """Training error, test error, and norm of the weights, with `count` features.

        The test error is the mean squared distance from the true curve.
        """
        (x, y), w, t = self.data(), self.weights(count), grid()
        training = ((self.matrix(x, count) @ w - y) ** 2).mean()
        test = ((self.matrix(t, count) @ w - truth(t)) ** 2).mean()
        return training.item(), test.item(), w.norm().item()

    def still(self) -> Picture:
        """The fit, and both errors over the number of features."""
        picture = Picture(figsize=(6.4, 2.8), layout="constrained")
        left, right = picture.subplots(1, 2)
        t, w = grid(), self.weights(self.features)
        left.plot(t, truth(t), ":", color=COLOURS["black"], label="true curve")
        left.plot(t, self.matrix(t, len(w)) @ w, color=COLOURS["blue"], label="fit")
        left.plot(*self.data(), "o", ms=4, color=COLOURS["orange"])
        left.set(title=f"{self.features} features", ylim=(-2.5, 2.5), xlabel="x")
        left.legend()
        training, test, _ = zip(*[self.errors(count) for count in COUNTS], strict=True)
        right.loglog(COUNTS, test, color=COLOURS["blue"], label="test error")
        right.loglog(
            COUNTS, [max(error, 1e-2) for error in training], "--",
            color=COLOURS["orange"], label="training error",
        )  # fmt: skip
        right.axvline(self.points, color=COLOURS["black"], ls=":", lw=1)
        right.set(xlabel="features $P$")
        right.legend()
        return picture


@cache
def shares(draw: int) -> Tensor:
    """The share of each cosine in each feature: (200, 60)."""
    drawn = normal(100 * draw + 2, MOST * WAVES).view(MOST, WAVES)
    return drawn / torch.arange(1, WAVES + 1)


def truth(x: Tensor) -> Tensor:
    """The true curve."""
    return torch.sin(3 * x)


def grid() -> Tensor:
    """Where the fit is compared with the true curve: 201 places."""
    return torch.linspace(-1, 1, 201, dtype=torch.float64)
