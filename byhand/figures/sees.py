"""What a convnet sees: its feature maps, shifts of the digit, and the FGSM step."""

import base64
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

MAPS = 12  # of each stage are shown


class Sees(Figure):
    """What a convnet sees: feature maps, verdict, shifts, and how it is fooled.

    The reader picks or draws a digit, shifts it, and takes the FGSM step.

    Args:
        net: an ``nn.Sequential`` of convolutions, batch norms, ReLUs and residual
            blocks (with ``f`` and ``shortcut``, as chapter 13's), global average
            pooling and one linear layer to 10 classes. Its weights travel folded with
            the batch norms, with 8 bits each. Default: a small one, trained on the
            spot in a few seconds.
        images: (N, 1, 28, 28), in [0, 1], of all ten digits.
        labels: (N,), 0 to 9.
        picked: the digit that is shown; −1 is the reader's own drawing.
        dx, dy: by how many pixels it is shifted, to the right and down.
        epsilon: the size of the step, the largest change of a pixel.
        direction: of the step: ``"gradient"`` or ``"random"`` signs.
        view: ``"maps"``, or ``"change"``: by how much they differ from those of the
            picture in its place, moved.

    Raises:
        traitlets.TraitError: a setting is out of range.
        ValueError: a layer that the figure does not know; or a digit is missing.
    """

    weights = traitlets.Unicode().tag(sync=True)
    numbers = traitlets.Unicode().tag(sync=True)
    # a stage: its name, whether it is residual, and its convolutions f and shortcut,
    # each [in channels, out channels, kernel, stride, padding, whether a ReLU follows]
    plan = traitlets.List(traitlets.Dict()).tag(sync=True)
    shown = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    pictures = traitlets.Unicode().tag(sync=True)  # three of each digit, as bytes
    picked = traitlets.Int(7, min=-1, max=29).tag(sync=True)
    drawing = traitlets.Unicode().tag(sync=True)  # 28×28 bytes, empty at the start
    dx = traitlets.Int(0, min=-8, max=8).tag(sync=True)
    dy = traitlets.Int(0, min=-8, max=8).tag(sync=True)
    epsilon = traitlets.Float(0.0, min=0.0, max=0.3).tag(sync=True)
    direction = traitlets.Enum(["gradient", "random"], "gradient").tag(sync=True)
    view = traitlets.Enum(["maps", "change"], "maps").tag(sync=True)

    def __init__(
        self,
        net: nn.Sequential | None = None,
        images: Tensor | None = None,
        labels: Tensor | None = None,
        **traits,
    ) -> None:
        if images is None or labels is None:
            images, labels = built_in_digits()
        labels = labels.cpu()
        each = [(labels == digit).nonzero()[:3, 0] for digit in range(10)]
        if any(len(found) < 3 for found in each):
            raise ValueError("Give three images of each digit at least.")
        chosen = images.detach().cpu()[torch.stack(each, 1).flatten()]
        plan, layers = _folded(net or _trained())
        finite(
            torch.cat([x.flatten() for pair in layers for x in pair]).tolist(), "net"
        )
        weights, numbers = pack(layers)
        first = {"plan": plan, "weights": weights, "numbers": numbers}
        first["pictures"] = to_base64(to_bytes(chosen))
        *maps, _ = _forward(plan, weights, numbers, chosen.double())
        lively = [out.transpose(0, 1).flatten(1).std(1) for out in maps]
        first["shown"] = [s.topk(min(MAPS, len(s))).indices.tolist() for s in lively]
        super().__init__(**first | traits)

    @traitlets.validate("epsilon")
    def _epsilon(self, proposal: traitlets.Bunch) -> float:
        finite([proposal.value], "epsilon")
        return proposal.value

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """Outputs of each stage, and last the logits, with 8-bit weights.

        Args:
            x: (N, 1, 28, 28).

        Returns:
            Each (N, C, H, W), the logits (N, 10), in double precision.
        """
        return _forward(self.plan, self.weights, self.numbers, x.cpu().double())

    def logits(self, x: Tensor) -> Tensor:
        """What the network with 8-bit weights says of pictures (N, 1, 28, 28)."""
        return self.feature_maps(x)[-1]

    def read(self) -> Tensor:
        """The picture that the network reads at present, (1, 1, 28, 28).

        Random signs are others than in a browser.
        """
        text = self.pictures if self.picked >= 0 else self.drawing
        ink = bytearray(base64.b64decode(text) or bytes(784))
        pixels = torch.frombuffer(ink, dtype=torch.uint8).view(-1, 1, 28, 28)
        x = pixels[max(self.picked, 0)][None].double() / 255
        x = F.pad(x, (8, 8, 8, 8)).roll((self.dy, self.dx), (2, 3))[..., 8:-8, 8:-8]
        direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        if self.direction == "gradient":
            x.requires_grad_()
            logits = self.logits(x)
            target = logits.argmax(1)
            if self.picked >= 0:
                target = torch.tensor([self.picked % 10])
            (direction,) = torch.autograd.grad(F.cross_entropy(logits, target), x)
        return (x.detach() + self.epsilon * direction.sign()).clamp(0, 1)

    def still(self) -> Picture:
        """What the network reads, maps of each stage, and the verdict."""
        x = self.read()
        *maps, logits = self.feature_maps(x)
        picture = Picture(figsize=(6.4, 0.8 + 0.4 * len(maps)), layout="constrained")
        left, middle, right = picture.subplots(1, 3, width_ratios=(2, 5, 2))
        left.imshow(x[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        left.set_axis_off()
        rows = []
        for out, channels in zip(maps, self.shown, strict=True):
            row = out[0, channels[:6]]
            row = row / row.amax((1, 2), keepdim=True).clamp(min=1e-12)
            tiles = F.pad(F.interpolate(row[None], size=(28, 28))[0], (1, 1, 1, 1))
            rows.append(F.pad(torch.cat(list(tiles), 1), (0, (6 - len(row)) * 30)))
        middle.imshow(torch.cat(rows).numpy(), cmap="gray", vmin=0, vmax=1)
        middle.set(xticks=[], yticks=[30 * i + 15 for i in range(len(maps))])
        middle.set_yticklabels(stage["name"] for stage in self.plan)
        right.barh(range(10), logits[0].softmax(0).numpy(), color=COLOURS["green"])
        right.set(yticks=range(10), xlim=(0, 1), title="verdict")
        right.invert_yaxis()
        return picture


def _folded(net: nn.Sequential) -> tuple[list[dict], list[tuple[Tensor, Tensor]]]:
    """The plan of a network's stages, and its layers without batch norms."""
    plan: list[dict] = []
    layers: list[tuple[Tensor, Tensor]] = []

    def run(modules: nn.Module) -> list[list[int]]:
        """Add these layers, one after the other; return their settings."""
        found: list[list[int]] = []
        for module in modules.children():
            if isinstance(module, nn.Conv2d) and module.groups == 1:
                found.append(_settings(module))
                bias = module.bias
                if bias is None:
                    bias = module.weight.new_zeros(module.out_channels)
                layers.append((module.weight.detach(), bias.detach()))
            elif isinstance(module, nn.BatchNorm2d) and found:
                layers[-1] = _fold(*layers[-1], module)
            elif isinstance(module, nn.ReLU) and found:
                found[-1][-1] = 1
            else:
                raise ValueError(f"The figure does not know this layer: {module}.")
        return found

    head: nn.Linear | None = None
    own: list[nn.Module] = []  # of a stage that is no block

    def close() -> None:
        if own:
            name = "stem" if not plan else f"stage {len(plan)}"
            f = run(nn.Sequential(*own))
            plan.append({"name": name, "residual": False, "f": f, "shortcut": []})
            own.clear()

    for module in net:
        if isinstance(module, nn.Conv2d) or hasattr(module, "shortcut"):
            close()
        if hasattr(module, "shortcut"):
            f = run(module.get_submodule("f"))
            shortcut = run(module.get_submodule("shortcut"))
            stage = {"residual": True, "f": f, "shortcut": shortcut}
            plan.append({"name": f"stage {len(plan)}"} | stage)
        elif isinstance(module, nn.AdaptiveAvgPool2d | nn.Flatten):
            continue
        elif isinstance(module, nn.Linear) and head is None:
            close()
            head = module
        else:
            own.append(module)
    if head is None or not plan or head.out_features != 10:
        raise ValueError("The network must end in one linear layer to 10 classes.")
    layers.append((head.weight.detach(), head.bias.detach()))
    return plan, layers


def _settings(conv: nn.Conv2d) -> list[int]:
    sizes = (conv.kernel_size, conv.stride, conv.padding)
    k, stride, padding = (int(size[0]) for size in sizes)
    return [conv.in_channels, conv.out_channels, k, stride, padding, 0]


def _fold(weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm behind it, in evaluation, as one convolution."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    shift = (norm.bias - norm.running_mean * factor).detach()
    return weight * factor[:, None, None, None], bias * factor + shift


def _forward(plan: list[dict], weights: str, numbers: str, x: Tensor) -> list[Tensor]:
    convolutions = [c for stage in plan for c in stage["f"] + stage["shortcut"]]
    sizes = [(T, S * k * k) for S, T, k, *_ in convolutions]
    layers = iter(unpack(weights, numbers, [*sizes, (10, convolutions[-1][1])]))

    def run(x: Tensor, convolutions: list[list[int]]) -> Tensor:
        for S, T, k, stride, padding, relu in convolutions:
            weight, bias = next(layers)
            x = F.conv2d(x, weight.view(T, S, k, k), bias, stride, padding)
            x = F.relu(x) if relu else x
        return x

    maps = []
    for stage in plan:
        out = run(x, stage["f"])
        if stage["residual"]:
            out = F.relu(out + run(x, stage["shortcut"]))
        maps.append(x := out)
    weight, bias = next(layers)
    return [*maps, x.mean((2, 3)) @ weight.T + bias]


@cache
def _trained() -> nn.Sequential:
    """A small network for scikit-learn's digits, for a figure that is given none."""
    images, labels = built_in_digits()
    with briefly():
        net = nn.Sequential(
            nn.Conv2d(1, 8, 5, 2, 2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
        for _ in range(9):
            for x, y in batches(images, labels, batch_size=100, shuffle=True):
                optimiser.zero_grad()
                F.cross_entropy(net(x), y).backward()
                optimiser.step()
    return net
