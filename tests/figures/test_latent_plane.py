"""The latent plane, to be moved: its networks beside torch, its answers to a hand."""

import base64

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traitlets import TraitError

from byhand import figures
from byhand.data import built_in_digits
from byhand.figures.figure import pack, unpack
from byhand.figures.latent_plane import LAYERS, _trained, typical
from tests.support.figures import close, settle


def vae(hidden=7, latent=2):
    sizes = [
        (784, hidden), (hidden, latent), (hidden, latent), (latent, hidden), (hidden, 784)
    ]  # fmt: skip
    return nn.ModuleDict(
        {n: nn.Linear(*size) for n, size in zip(LAYERS, sizes, strict=True)}
    )


def state(figure):
    return {name: getattr(figure, name) for name in ("weights", "numbers", "hidden")}


def test_eight_bits_come_back_as_nearly_what_they_were():
    torch.manual_seed(0)
    layers = [
        (torch.randn(5, 2, 3), torch.randn(5)),
        (torch.zeros(1, 4), torch.ones(1)),
    ]
    (W, b), (zero, one) = unpack(*pack(layers), [(5, 6), (1, 4)])
    step = layers[0][0].flatten(1).abs().amax(1, keepdim=True) / 127
    assert ((W - layers[0][0].flatten(1)).abs() <= step * 0.5001).all()
    assert torch.equal(b, layers[0][1].double())
    assert zero.tolist() == [[0.0] * 4] and one.item() == 1


@pytest.mark.parametrize("seed", range(4))
def test_encoder_decoder_and_loss(module, seed):
    torch.manual_seed(seed)
    figure = figures.LatentPlane(vae(hidden=3 + 20 * seed))
    x = torch.rand(1, 784, dtype=torch.float64) * (torch.rand(1, 784) > 0.7)
    z = torch.randn(1, 2, dtype=torch.float64) * 2
    mu, logvar = figure.encode(x)
    logits = figure.decode(z)
    ours = module(
        figures.LatentPlane, "run", state(figure), x[0].tolist(), z[0].tolist()
    )
    close(ours["mu"], mu[0])
    close(ours["sigma"], torch.exp(0.5 * logvar[0]))
    close(ours["p"], torch.sigmoid(logits[0]))
    loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    close(ours["surprise"], loss)
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    prior = torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    close(ours["kl"], torch.distributions.kl_divergence(q, prior).sum())


def test_eight_bits_say_nearly_what_the_trained_network_says():
    model, figure = _trained(), figures.LatentPlane()
    x = built_in_digits()[0][:200].flatten(1)
    h = F.relu(model["fc1"](x))
    mu, logvar = figure.encode(x)
    assert (mu - model["fc_mu"](h)).abs().max() < 0.1
    assert (logvar - model["fc_logvar"](h)).abs().max() < 0.2
    p = torch.sigmoid(model["fc4"](F.relu(model["fc3"](mu.float()))))
    assert (torch.sigmoid(figure.decode(mu)) - p).abs().max() < 0.1
    assert (p - x).abs().mean() < 0.75 * (x.mean(0) - x).abs().mean()  # it has learnt


def test_a_drawing_is_moved_to_the_middle(module):
    ink = torch.zeros(28, 28, dtype=torch.float64)
    ink[2:8, 18:24] = 255
    moved = module(figures.LatentPlane, "centred", ink.flatten().tolist())
    moved = torch.tensor(list(moved.values()) if isinstance(moved, dict) else moved)
    theirs = (ink / 255).roll((9, -7), (0, 1))  # from 5, 21 to 14, 14
    assert torch.equal(moved.view(28, 28), theirs.to(moved.dtype))


def test_a_digit_is_typical_where_others_are_not():
    labels = torch.arange(10).repeat(12)
    angle = labels * 2 * torch.pi / 10
    torch.manual_seed(0)
    centres = 3 * torch.stack([angle.cos(), angle.sin()], 1).double()
    codes = centres + 0.05 * torch.randn(120, 2, dtype=torch.float64)
    codes[:10] = torch.tensor([0.0, 0.0])  # one of each kind, all in one place
    found = torch.tensor(typical(codes, labels), dtype=torch.float64)
    assert (found - centres[:10]).norm(dim=1).max() < 0.1


def test_it_answers_hand_and_keys(show):
    figure = figures.LatentPlane()
    tab = show(figure)
    says = tab.locator(".bh-says")
    canvas = tab.locator("canvas")
    plane, both = canvas.nth(0), canvas.nth(1)
    out = both.evaluate("c => c.toDataURL()")
    box = plane.bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 300)
    settle(tab)
    tab.mouse.up()
    assert both.evaluate("c => c.toDataURL()") != out
    assert says.inner_text().startswith("z = (")
    before = says.inner_text()
    tab.get_by_role("slider", name="z₁").press("ArrowRight")
    settle(tab)
    assert says.inner_text() != before
    tab.get_by_role("button", name="typical 3").press("Enter")
    tab.get_by_role("slider", name="way").press("End")
    settle(tab)
    tab.get_by_label("walk to").select_option("typical 3")
    settle(tab)
    there = says.inner_text()
    tab.get_by_role("slider", name="way").press("Home")  # the walk has no length
    settle(tab)
    assert says.inner_text() == there


def test_a_picked_digit_goes_where_the_encoder_puts_it(show):
    figure = figures.LatentPlane()
    tab = show(figure)
    picture = tab.get_by_role("slider", name="picture")
    for _ in range(5):
        picture.press("ArrowRight")
    settle(tab)
    pixels = base64.b64decode(figure.pictures)[5 * 784 : 6 * 784]
    mu, _ = figure.encode(torch.tensor(list(pixels)).view(1, 784) / 255)
    where = "({:.2f}, {:.2f})".format(*mu[0].tolist()).replace("-", "−")
    says = tab.locator(".bh-says").inner_text()
    assert says.startswith("z = ") and "This 5 costs" in says
    assert f"mean {where}" in says


def test_a_drawing_lands_and_comes_back(show):
    tab = show(figures.LatentPlane())
    tab.get_by_role("button", name="Draw your own").click()
    settle(tab)
    says = tab.locator(".bh-says")
    assert "picture is empty" in says.inner_text()
    both = tab.locator("canvas").nth(1)
    assert both.evaluate("c => getComputedStyle(c).touchAction") == "none"
    box = both.bounding_box()
    x = box["x"] + min(box["width"], 200) / 2
    tab.mouse.move(x, box["y"] + 60)
    tab.mouse.down()
    tab.mouse.move(x, box["y"] + 110, steps=4)
    tab.mouse.move(x, box["y"] + 160, steps=4)
    tab.mouse.up()
    settle(tab)
    assert says.inner_text().startswith("z = ")
    assert "Your drawing costs" in says.inner_text()
    assert "NaN" not in says.inner_text()
    tab.get_by_role("button", name="Empty the pad").click()
    settle(tab)
    assert "picture is empty" in says.inner_text()
    assert tab.complaints == []


def test_it_says_what_it_cannot_take():
    with pytest.raises(ValueError, match="train a VAE with latent=2"):
        figures.LatentPlane(vae(latent=20))
    images, labels = built_in_digits()
    with pytest.raises(ValueError, match="three images of each digit"):
        figures.LatentPlane(None, images[:5], labels[:5])
    with pytest.raises(TraitError, match="z1: number 0 is nan"):
        figures.LatentPlane(z1=float("nan"))
    with pytest.raises(TraitError, match="toward"):
        figures.LatentPlane(toward=10)
    broken = vae()
    with torch.no_grad():
        broken["fc_mu"].bias.fill_(float("nan"))
    with pytest.raises(TraitError, match="codes: number 0 is nan"):
        figures.LatentPlane(broken)
