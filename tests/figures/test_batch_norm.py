"""Batch norm, to be moved: its numbers beside PyTorch's own layer."""

import pytest
import torch
import torch.nn.functional as F
from traitlets import TraitError

from byhand import figures
from byhand.figures.batch_norm import BATCHES, WIDTH
from tests.support.figures import close, settle

NAMES = (
    "batch_size", "mode", "seen", "momentum", "shift", "gamma", "beta", "normalise",
)  # fmt: skip


def settings(figure):
    return {name: getattr(figure, name) for name in NAMES}


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("seed", range(6))
def test_batch_norm(module, seed, mode):
    """Inputs, outputs and running statistics, over up to 60 batches."""
    generator = torch.Generator().manual_seed(seed)
    momentum, shift, gamma, beta = torch.rand(4, generator=generator).tolist()
    figure = figures.BatchNorm(
        mode=mode,
        batch_size=[2, 3, 16, 32, 100, 256][seed],
        seen=[BATCHES, 1, 30, 31, 45, BATCHES][seed],
        momentum=0.01 + 0.99 * momentum,
        shift=6 * shift - 3,
        gamma=3 * gamma,
        beta=6 * beta - 3,
    )
    before, after, running_mean, running_var = figure.result()
    ours = module(figures.BatchNorm, "run", settings(figure))
    close(ours["before"], before.flatten(1))
    close(ours["after"], after.flatten(1))
    close(ours["running"]["mean"], running_mean.flatten())
    close(ours["running"]["variance"], running_var.flatten())
    close(ours["mean"], before.mean(1).flatten())
    close(ours["variance"], before.var(1, correction=0).flatten())


def test_the_plain_network(module):
    figure = figures.BatchNorm(normalise=False, batch_size=64, shift=1.5, seen=40)
    ours = module(figures.BatchNorm, "run", settings(figure))
    before, after, _, _ = figure.result()
    close(ours["before"], before.flatten(1))
    close(ours["after"], after.flatten(1))
    assert before[-1].std(0).max() < 1e-2 * before[0].std(0).min()


def test_a_batch_of_one_and_of_two(module):
    one = figures.BatchNorm(batch_size=1)
    with pytest.raises(ValueError) as refused:
        one.result()
    ours = module(figures.BatchNorm, "run", settings(one))
    assert ours["refused"] and ours["after"] == [] and len(ours["before"]) == 1
    assert module(figures.BatchNorm, "refusal") == str(refused.value)
    assert one.still().texts  # says so, too

    one.mode = "eval"
    ours = module(figures.BatchNorm, "run", settings(one))
    close(ours["after"], one.result()[1].flatten(1))

    two = figures.BatchNorm(batch_size=2)
    ours = module(figures.BatchNorm, "run", settings(two))["after"]
    x = two.batch(two.seen) @ figures.batch_norm.weights()[0].T
    close(ours[0], F.batch_norm(x, None, None, training=True).flatten())
    signs = torch.tensor(ours).view(-1, 2, WIDTH)
    torch.testing.assert_close(signs[0].abs(), torch.ones(2, WIDTH), atol=0.01, rtol=0)


def test_batch_norm_answers(show):
    tab = show(figures.BatchNorm())
    says = tab.locator(".bh-says")
    assert "Running mean: 0.9·" in says.inner_text()

    tab.get_by_label("batch size N").press("Home")
    settle(tab)
    assert "Expected more than 1 value per channel" in says.inner_text()
    tab.get_by_label("mode").select_option("eval")
    settle(tab)
    assert "by the running statistics" in says.inner_text()

    tab.get_by_role("button", name="The inputs move").click()
    settle(tab)
    assert "batch 31" in says.inner_text()
    wrong = says.inner_text()
    slider = tab.get_by_label("batches seen")
    tab.get_by_role("button", name="Step").press("Enter")
    settle(tab)
    assert slider.get_attribute("aria-valuetext") == "32"
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "document.querySelector('.bh-row:has(button) output').textContent === '60'"
    )
    settle(tab)
    assert tab.get_by_role("button", name="Play").count() == 1

    def mean_of_y():
        return float(
            says.inner_text().split("y has mean ")[1].split()[0].replace("−", "-")
        )

    followed = mean_of_y()
    tab.get_by_label("batches seen").evaluate(
        "e => { e.value = 31; e.dispatchEvent(new Event('input')) }"
    )
    settle(tab)
    assert says.inner_text() == wrong
    assert abs(followed) < 0.4 < 2 < abs(mean_of_y())

    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.click(box["x"] + 200, box["y"] + 22 + 3.5 * 42)
    settle(tab)
    assert says.inner_text().startswith("Layer 4,")


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"batch_size": 0}, "batch_size"),
        ({"mode": "test"}, "mode"),
        ({"momentum": 0.0}, "momentum"),
        ({"unit": WIDTH + 1}, "unit"),
    ],
)
def test_batch_norm_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.BatchNorm(**bad)
