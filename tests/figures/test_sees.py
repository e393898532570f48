"""What a convnet sees, to be moved: the network beside torch, its answers to a hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traitlets import TraitError

from byhand import figures
from byhand.data import built_in_digits
from byhand.figures.sees import _trained
from tests.support.figures import close, settle


class Block(nn.Module):
    """A residual block, as chapter 13 writes it."""

    def __init__(self, S, T, stride):
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(S, T, 3, stride, 1, bias=False), nn.BatchNorm2d(T), nn.ReLU(),
            nn.Conv2d(T, T, 3, padding=1, bias=False), nn.BatchNorm2d(T),
        )  # fmt: skip
        shortcut = [nn.Conv2d(S, T, 1, stride, bias=False), nn.BatchNorm2d(T)]
        self.shortcut = nn.Sequential(*([] if S == T and stride == 1 else shortcut))

    def forward(self, x):
        return F.relu(self.f(x) + self.shortcut(x))


def resnet(seed):
    """A small residual network whose batch norms have seen some digits."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 5, 2, 2, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        Block(3, 3, 1), Block(3, 5, 2), Block(5, 6, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10),
    )  # fmt: skip
    net(built_in_digits()[0][:64])
    return net.eval()


def plain(seed):
    """Convolutions of odd sizes: kernels of 1 and 4, no padding, no stride."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 2, 4, 3), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.ReLU(),
        nn.Conv2d(4, 5, 3, 1, 2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 10),
    )  # fmt: skip


def state(figure):
    return {name: getattr(figure, name) for name in ("plan", "weights", "numbers")}


@pytest.mark.parametrize("make", [resnet, plain])
@pytest.mark.parametrize("seed", range(3))
def test_maps_verdict_loss_and_gradient(module, make, seed):
    figure = figures.Sees(make(seed))
    x = built_in_digits()[0][seed][None].double().requires_grad_()
    *maps, logits = figure.feature_maps(x)
    loss = F.cross_entropy(logits, torch.tensor([seed]))
    loss.backward()
    ours = module(
        figures.Sees, "answers", state(figure), x.detach().flatten().tolist(), seed
    )
    assert len(ours["maps"]) == len(maps)
    for mine, theirs in zip(ours["maps"], maps, strict=True):
        close(mine, theirs.flatten())
    close(ours["logits"], logits[0])
    close(ours["p"], logits[0].softmax(0))
    close(ours["loss"], loss)
    assert x.grad.abs().max() > 1e-6
    close(ours["gradient"], x.grad.flatten())


@pytest.mark.parametrize("make", [resnet, plain])
def test_eight_bits_say_nearly_what_the_trained_network_says(make):
    net = make(0)
    x = built_in_digits()[0][:100]
    with torch.no_grad():
        theirs = net(x).double()
    ours = figures.Sees(net).logits(x)
    assert (ours - theirs).abs().max() < 0.05 * theirs.std()


def test_the_default_has_learnt_and_loses_nothing_by_eight_bits():
    x, y = built_in_digits()
    assert (figures.Sees().logits(x).argmax(1) == y).float().mean() > 0.85
    with torch.no_grad():
        same = _trained()(x).argmax(1) == figures.Sees().logits(x).argmax(1)
    assert same.float().mean() > 0.98


def numbers(found):
    """A list of floats, from a typed array as the browser hands it over."""
    return torch.tensor(list(found.values()) if isinstance(found, dict) else found)


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-5, 1), (0, 8)])
def test_moving(module, shift):
    x = torch.rand(2, 9, 9, dtype=torch.float64)
    ours = numbers(
        module(figures.Sees, "moved", x.flatten().tolist(), [9, 9], *shift)
    ).double()
    wide = F.pad(x, (8, 8, 8, 8)).roll(shift, (1, 2))[:, 8:-8, 8:-8]
    close(ours.tolist(), wide.flatten())


def test_the_step_is_that_of_the_chapter(module):
    torch.manual_seed(0)
    x, gradient = torch.rand(784).double(), torch.randn(784).double()
    gradient[:5] = 0
    ours = module(figures.Sees, "fgsm", x.tolist(), gradient.tolist(), 0.2)
    close(ours, (x + 0.2 * gradient.sign()).clamp(0, 1))


def test_the_stem_only_moves_when_the_shift_is_its_stride(module):
    figure = figures.Sees(resnet(0))
    x = built_in_digits()[0][3][None].double()
    for shift, exact in ((2, True), (4, True), (1, False)):
        stem = figure.feature_maps(x)[0]
        now = figure.feature_maps(x.roll(shift, 3))[0]
        ours = module(
            figures.Sees, "unlike", now.flatten().tolist(), stem.flatten().tolist(),
            [14, 14], 2, 0, shift,
        )["share"]  # fmt: skip
        assert ours < 1e-9 if exact else ours > 0.05
    cells = round(1 / 2 + 1e-9)  # as JavaScript rounds
    difference = now[..., cells:] - stem[..., :-cells]
    close(ours, difference.norm() / stem[..., :-cells].norm())


def test_it_answers_hand_and_keys(show):
    figure = figures.Sees()
    tab = show(figure)
    says = tab.locator(".bh-says")
    p = figure.logits(figure.read())[0].softmax(0)
    assert says.inner_text().startswith(f"The network reads a {p.argmax()} (")
    assert f"Loss {-p[7].log():.3g}"[:9] in says.inner_text()
    tab.get_by_role("slider", name="shift right").press("ArrowRight")
    settle(tab)
    assert "Besides moving, the maps change by" in says.inner_text()
    tab.get_by_role("button", name="Start again").click()
    tab.get_by_role("slider", name="ε").press("End")
    settle(tab)
    fooled = says.inner_text()
    assert "at ε = 0" in fooled and "but it is a 7" in fooled
    tab.get_by_label("step along").select_option("random signs")
    settle(tab)
    assert says.inner_text() != fooled
    maps = tab.locator("canvas").nth(1)
    before = maps.evaluate("c => c.toDataURL()")
    tab.get_by_label("show").select_option("what changes besides moving")
    settle(tab)
    assert maps.evaluate("c => c.toDataURL()") != before
    assert tab.complaints == []


@pytest.mark.parametrize(
    "state",
    [
        {"picked": 13, "dx": 3, "dy": -2},
        {"picked": 8, "epsilon": 0.05},
        {"picked": 25, "dx": -8, "dy": 1, "epsilon": 0.3},
    ],
)
def test_kernel_and_page_read_the_same(show, state):
    figure = figures.Sees(**state)
    logits = figure.logits(figure.read())
    loss = F.cross_entropy(logits, torch.tensor([state["picked"] % 10])).item()
    says = show(figure).locator(".bh-says").inner_text()
    digit = logits.argmax().item()
    assert says.startswith(f"The network reads a{'n' * (digit == 8)} {digit} (")
    written = says.split("Loss ")[1].split()[0].rstrip(".,")
    if "·" not in written:
        assert float(written) == pytest.approx(loss, rel=0.006)


def test_a_drawing_is_read(show):
    tab = show(figures.Sees())
    tab.get_by_role("button", name="Draw your own").click()
    settle(tab)
    says = tab.locator(".bh-says")
    assert "picture is empty" in says.inner_text()
    top = tab.locator("canvas").first
    assert top.evaluate("c => getComputedStyle(c).touchAction") == "none"
    box = top.bounding_box()
    tab.mouse.move(box["x"] + 80, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 80, box["y"] + 140, steps=6)
    tab.mouse.up()
    settle(tab)
    assert says.inner_text().startswith("The network reads a ")
    tab.get_by_role("button", name="Empty the pad").press("Enter")
    settle(tab)
    assert "picture is empty" in says.inner_text()
    assert tab.complaints == []


def test_it_says_what_it_cannot_take():
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 10)]
    with pytest.raises(ValueError, match="does not know this layer: MaxPool2d"):
        figures.Sees(nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), *head))
    with pytest.raises(ValueError, match="one linear layer to 10 classes"):
        figures.Sees(nn.Sequential(nn.Conv2d(1, 2, 3)))
    images, labels = built_in_digits()
    with pytest.raises(ValueError, match="three images of each digit"):
        figures.Sees(None, images[:5], labels[:5])
    broken = plain(0)
    with torch.no_grad():
        broken[0].bias.fill_(float("nan"))
    with pytest.raises(TraitError, match="net: number"):
        figures.Sees(broken)
    with pytest.raises(TraitError, match="epsilon"):
        figures.Sees(epsilon=1.0)
    with pytest.raises(TraitError, match="direction"):
        figures.Sees(direction="sideways")
