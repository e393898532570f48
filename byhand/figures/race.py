"""Optimisers race: from one start, on one surface, step by step."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor, optim
from torch.optim.lr_scheduler import LambdaLR

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

LOWEST = -1.483967893197728  # where θ⁴/4 − θ² + 0.3 θ is lowest


def two_valleys(theta):
    """θ⁴/4 − θ² + 0.3 θ, above its lowest value."""
    height, lowest = (t**4 / 4 - t**2 + 0.3 * t for t in (theta, LOWEST))
    return height - lowest


SURFACES: dict[str, Callable] = {
    "bowl": lambda x, y: (x**2 + 20 * y**2) / 2,
    "valley": lambda x, y: (1 - x) ** 2 + 10 * (y - x**2) ** 2,
    "saddle": lambda x, y: x**2 / 2 + (y**2 - 1) ** 2 / 4,
    "minima": lambda x, y: two_valleys(x) + two_valleys(y),
    "noisy": lambda x, y: (x**2 + 4 * y**2) / 2,
}
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda k, T: 1.0,
    "step": lambda k, T: 0.1 ** (3 * k // T),
    "cosine": lambda k, T: (1 + math.cos(math.pi * k / T)) / 2,
    "warm-up": lambda k, T: (
        (k + 1) / (T // 10)
        if k < T // 10
        else (1 + math.cos(math.pi * (k - T // 10) / (T - T // 10))) / 2
    ),
}
OPTIMISERS = (
    "descent", "momentum", "Nesterov", "Adagrad",
    "RMSprop", "Adam", "AdamW", "uncorrected",
)  # fmt: skip
RATES = np.geomspace(0.002, 2, 12).tolist()  # among which each finds its best
DECAY = 0.1  # of AdamW


class Race(Figure):
    """Optimisers race on a surface with two parameters.

    The reader chooses the surface, the start, who takes part, rate and schedule.

    Args:
        surface: "bowl", ½(x² + 20 y²); "valley", (1 − x)² + 10 (y − x²)²; "saddle",
            ½ x² + ¼ (y² − 1)²; "minima", four of them; "noisy", a bowl whose gradient
            carries standard normal noise, the same for all.
        x, y: where all start, between −2 and 2.
        optimisers: who takes part: "descent", "momentum", "Nesterov", "Adagrad",
            "RMSprop", "Adam", "AdamW" (weight decay 0.1), "uncorrected" (Adam without
            its correction); all but rate and momentum as in ``torch.optim``.
        tuned: each at the rate, out of a dozen from 0.002 to 2, with which it ends
            lowest; else all at `rate`.
        rate: the learning rate, between 0.001 and 2.
        schedule: "constant", "step" (a tenth after each third), "cosine", or "warm-up"
            (a tenth of the steps), then cosine.
        momentum: of momentum and of Nesterov's, from 0 to 0.99.
        steps: how many there are, from 10 to 500.
        at: the step that is shown first; by default the last.

    Raises:
        traitlets.TraitError: a setting is out of range, or not finite.
    """

    surface = traitlets.Enum(list(SURFACES), "valley").tag(sync=True)
    x = traitlets.Float(-1.3, min=-2.0, max=2.0).tag(sync=True)
    y = traitlets.Float(1.8, min=-2.0, max=2.0).tag(sync=True)
    optimisers = traitlets.List(
        traitlets.Enum(OPTIMISERS), ["descent", "momentum", "RMSprop", "Adam"]
    ).tag(sync=True)
    tuned = traitlets.Bool(True).tag(sync=True)
    rate = traitlets.Float(0.02, min=0.001, max=2.0).tag(sync=True)
    schedule = traitlets.Enum(list(SCHEDULES), "constant").tag(sync=True)
    momentum = traitlets.Float(0.9, min=0.0, max=0.99).tag(sync=True)
    noise = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    at = traitlets.Int(min=0).tag(sync=True)

    def __init__(self, steps: int = 150, **traits) -> None:
        if not 10 <= steps <= 500:
            raise traitlets.TraitError(f"steps: {steps}; give 10 to 500.")
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(steps, 2, generator=generator, dtype=torch.float64)
        traits = {
            "noise": [[round(n, 3) for n in row] for row in noise.tolist()]
        } | traits
        super().__init__(**({"at": steps} | traits))

    @traitlets.validate("x", "y", "rate", "momentum")
    def _number(self, proposal: traitlets.Bunch) -> float:
        finite([proposal.value], proposal.trait.name)
        return proposal.value

    @traitlets.validate("noise")
    def _noise(self, proposal: traitlets.Bunch) -> list[list[float]]:
        finite([n for row in proposal.value for n in row], "noise")
        return proposal.value

    def run(self, name: str, rates: Sequence[float]) -> Tensor:
        """Let ``torch.optim`` run with each of these rates.

        Returns:
            (rates, steps + 1, 2): where it stood, the start first.
        """
        points = [
            torch.tensor([self.x, self.y], dtype=torch.float64, requires_grad=True)
            for _ in rates
        ]
        groups = [
            {"params": [p], "lr": lr} for p, lr in zip(points, rates, strict=True)
        ]
        optimiser = self._optimiser(name, groups)
        steps = len(self.noise)
        shape = SCHEDULES[self.schedule]
        scheduler = LambdaLR(optimiser, lambda k: shape(k, steps))
        path = [torch.stack(points).detach()]
        for noise in self.noise:
            optimiser.zero_grad()
            now = torch.stack(points)
            loss = SURFACES[self.surface](*now.T).sum()
            if self.surface == "noisy":  # whose gradient is the noise
                loss = loss + (now @ now.new_tensor(noise)).sum()
            loss.backward()
            optimiser.step()
            scheduler.step()
            path.append(torch.stack(points).detach())
        return torch.stack(path, 1)

    def _optimiser(self, name: str, groups: list[dict]) -> optim.Optimizer:
        match name:
            case "descent":
                return optim.SGD(groups)
            case "momentum" | "Nesterov":
                heavy = self.momentum > 0  # PyTorch allows no Nesterov without
                nesterov = heavy and name == "Nesterov"
                return optim.SGD(groups, momentum=self.momentum, nesterov=nesterov)
            case "AdamW":
                return optim.AdamW(groups, weight_decay=DECAY)
            case "uncorrected":
                optimiser = optim.Adam(groups)
                for (point,) in (group["params"] for group in groups):
                    zero = torch.zeros_like(point, requires_grad=False)
                    optimiser.state[point] = {
                        "step": torch.tensor(1e9),  # so late nothing is corrected
                        "exp_avg": zero, "exp_avg_sq": zero.clone(),
                    }  # fmt: skip
                return optimiser
        return getattr(optim, name)(groups)

    def result(self) -> dict[str, tuple[float, Tensor]]:
        """Give each optimiser's rate and path, (steps + 1, 2)."""
        found = {}
        for name in self.optimisers:
            rates = RATES if self.tuned else [self.rate]
            paths = self.run(name, rates)
            ends = SURFACES[self.surface](*paths[:, -1].T)
            best = int(ends.nan_to_num(nan=torch.inf).argmin())
            found[name] = (rates[best], paths[best])
        return found

    def still(self) -> Picture:
        """The paths on the surface's contours, and the losses by step."""
        surface = SURFACES[self.surface]
        picture = Picture(figsize=(8, 3.8), layout="constrained")
        left, right = picture.subplots(1, 2)
        side = np.linspace(-2, 2, 120)
        heights = surface(*np.meshgrid(side, side))
        levels = np.geomspace(0.02, heights.max(), 14)
        left.contour(side, side, heights, levels=levels, colors="grey", linewidths=0.5)
        left.plot(self.x, self.y, "o", color=COLOURS["black"], mfc="none", ms=9)
        right.axvline(self.at, color="grey", lw=0.7)
        for name, (rate, path) in self.result().items():
            losses = surface(*path.T)
            left.plot(*path[: self.at + 1].T, lw=1.3, label=f"{name}, rate {rate:.2g}")
            right.semilogy(losses, lw=1.3)
        left.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", title=self.surface)
        right.set(xlabel="step", title="loss above the minimum")
        if right.get_ylim()[1] > 1e4:
            right.set_ylim(top=1e4)
        if self.optimisers:
            picture.legend(loc="outside lower center", ncols=4, fontsize=8)
        return picture
