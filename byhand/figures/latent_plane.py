"""The latent plane of a VAE: a point to drag, and what the decoder paints of it."""

from functools import cache

import torch
import torch.nn.functional as F
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor, nn

from byhand.data import batches, built_in_digits
from byhand.figures.figure import (
    Figure,
    briefly,
    finite,
    pack,
    to_base64,
    to_bytes,
    unpack,
)
from byhand.plots import COLOURS

LAYERS = ("fc1", "fc_mu", "fc_logvar", "fc3", "fc4")


class LatentPlane(Figure):
    """The latent plane: encoded digits, and the decoder that paints any point.

    The reader drags a point, walks to a digit, and encodes pictures of their own.

    Args:
        model: a VAE of two latent dimensions, with the linear layers ``fc1``,
            ``fc_mu``, ``fc_logvar``, ``fc3``, ``fc4`` of chapter 14, which travel with
            8 bits per weight. Default: a small one, trained on the spot in a second.
        images: (N, 1, 28, 28) or (N, 784), in [0, 1], of all ten digits.
        labels: (N,), 0 to 9.
        points: so many of the images are shown as points.
        z1, z2: the point that is painted.
        toward, t: the digit to walk to, and the share of the way, 0 to 1.
        picked: the picture that is encoded; −1 is the reader's own drawing.
        map: whether decoded digits cover the plane, instead of the points.

    Raises:
        traitlets.TraitError: a number is not finite, or out of range.
        ValueError: not two latent dimensions; or a digit is missing.
    """

    weights = traitlets.Unicode().tag(sync=True)
    numbers = traitlets.Unicode().tag(sync=True)
    hidden = traitlets.Int().tag(sync=True)
    codes = traitlets.List(traitlets.Float()).tag(sync=True)  # z₁, z₂ of each point
    labels = traitlets.List(traitlets.Int(min=0, max=9)).tag(sync=True)
    typical = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    pictures = traitlets.Unicode().tag(sync=True)  # three of each digit, as bytes
    z1 = traitlets.Float(0.0, min=-8.0, max=8.0).tag(sync=True)
    z2 = traitlets.Float(0.0, min=-8.0, max=8.0).tag(sync=True)
    toward = traitlets.Int(2, min=0, max=9).tag(sync=True)
    t = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
    picked = traitlets.Int(0, min=-1, max=29).tag(sync=True)
    drawing = traitlets.Unicode().tag(sync=True)  # 28×28 bytes, empty at the start
    map = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        model: nn.Module | None = None,
        images: Tensor | None = None,
        labels: Tensor | None = None,
        points: int = 300,
        **traits,
    ) -> None:
        model = model or _trained()
        if images is None or labels is None:
            images, labels = built_in_digits()
        images, labels = images.detach().cpu().flatten(1), labels.cpu()
        parameters = dict(model.named_parameters())
        packed = [
            (parameters[f"{name}.weight"], parameters[f"{name}.bias"])
            for name in LAYERS
        ]
        if len(packed[1][0]) != 2:
            raise ValueError(
                f"The code has {len(packed[1][0])} dimensions, a plane has 2: "
                "train a VAE with latent=2."
            )
        weights, numbers = pack(packed)
        each = [(labels == digit).nonzero()[:3, 0] for digit in range(10)]
        if any(len(found) < 3 for found in each):
            raise ValueError("Give three images of each digit at least.")
        first = {"weights": weights, "numbers": numbers, "hidden": len(packed[0][0])}
        first["pictures"] = to_base64(to_bytes(images[torch.stack(each, 1).flatten()]))
        first["labels"] = labels[:points].tolist()
        mu, _ = _encode(_layers(first), images[:points].double())
        finite(mu.flatten().tolist(), "codes")
        first["codes"] = [round(z, 3) for z in mu.flatten().tolist()]
        places = typical(mu, labels[:points])
        first |= {"typical": places, "z1": places[7][0], "z2": places[7][1]}
        super().__init__(**first | traits)

    @traitlets.validate("codes")
    def _codes(self, proposal: traitlets.Bunch) -> list[float]:
        finite(proposal.value, "codes")
        return proposal.value

    @traitlets.validate("z1", "z2", "t")
    def _number(self, proposal: traitlets.Bunch) -> float:
        finite([proposal.value], proposal.trait.name)
        return proposal.value

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, (N, 2), of pictures (N, 784), with 8-bit weights."""
        return _encode(_layers(self.trait_values()), x.cpu().double())

    def decode(self, z: Tensor) -> Tensor:
        """Logits, (N, 784), of codes (N, 2), with 8-bit weights."""
        *_, (W3, b3), (W4, b4) = _layers(self.trait_values())
        return F.relu(z.cpu().double() @ W3.T + b3) @ W4.T + b4

    def still(self) -> Picture:
        """The points in their plane, and the digits on the way."""
        picture = Picture(figsize=(6.4, 4.6), layout="constrained")
        plane, strip = picture.subplots(2, 1, height_ratios=(5, 1))
        codes = torch.tensor(self.codes).view(-1, 2)
        labels = torch.tensor(self.labels)
        colours = list(COLOURS.values())
        for digit in range(10):
            plane.scatter(
                *codes[labels == digit].T.numpy(), s=22, marker=f"${digit}$", lw=0.2,
                color=colours[digit % 6],
            )  # fmt: skip
        start = torch.tensor([self.z1, self.z2], dtype=torch.float64)
        end = torch.tensor(self.typical[self.toward], dtype=torch.float64)
        walk = start + torch.linspace(0, 1, 9)[:, None] * (end - start)
        plane.plot(*walk.T.numpy(), color=COLOURS["black"], marker="o", ms=4)
        plane.plot(*(start + self.t * (end - start)).numpy(), "o", color="k", ms=9)
        plane.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        tiles = torch.sigmoid(self.decode(walk)).view(-1, 28, 28)
        strip.imshow(torch.cat(list(tiles), 1).numpy(), cmap="gray", vmin=0, vmax=1)
        strip.set_axis_off()
        return picture


def typical(codes: Tensor, labels: Tensor) -> list[list[float]]:
    """Where each digit is most at home.

    Args:
        codes: (N, 2).
        labels: (N,), each of 0 to 9 at least once.

    Returns:
        For each digit the code of it with the most of its kind among the nearest nine;
        of several such the one nearest to the median of all of its kind.
    """
    near = torch.cdist(codes, codes).topk(min(9, len(codes)), largest=False).indices
    kin = (labels[near] == labels[:, None]).sum(1)
    found = []
    for digit in range(10):
        own = (labels == digit).nonzero()[:, 0]
        away = (codes[own] - codes[own].median(0).values).norm(dim=1)
        best = own[(kin[own] - away / (1 + away.max())).argmax()]
        found.append([round(z, 3) for z in codes[best].tolist()])
    return found


def _layers(traits: dict) -> list[tuple[Tensor, Tensor]]:
    H = traits["hidden"]
    sizes = [(H, 784), (2, H), (2, H), (H, 2), (784, H)]
    return unpack(traits["weights"], traits["numbers"], sizes)


def _encode(layers: list[tuple[Tensor, Tensor]], x: Tensor) -> tuple[Tensor, Tensor]:
    (W1, b1), (W_mu, b_mu), (W_logvar, b_logvar), *_ = layers
    h = F.relu(x @ W1.T + b1)
    return h @ W_mu.T + b_mu, h @ W_logvar.T + b_logvar


@cache
def _trained() -> nn.Module:
    """A small VAE of scikit-learn's digits, for a figure that is given none."""
    sizes = [(784, 48), (48, 2), (48, 2), (2, 48), (48, 784)]
    images = built_in_digits()[0].flatten(1)
    with briefly():
        linear = [nn.Linear(*size) for size in sizes]
        fc1, fc_mu, fc_logvar, fc3, fc4 = linear
        model = nn.ModuleDict(dict(zip(LAYERS, linear, strict=True)))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.015, fused=True)
        for _ in range(25):
            for (x,) in batches(images, batch_size=200, shuffle=True):
                h = F.relu(fc1(x))
                mu, logvar = fc_mu(h), fc_logvar(h)
                z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
                logits = fc4(F.relu(fc3(z)))
                loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
                kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
                optimiser.zero_grad()
                ((loss + kl) / len(x)).backward()
                optimiser.step()
    return model
