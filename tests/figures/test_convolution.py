"""Convolution arithmetic, to be moved."""

import itertools

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from tests.support.figures import close, settle


def settings_of_convolution():
    """All settings in which PyTorch convolves, one dimension and two, both ways."""
    return itertools.product(
        (1, 2), range(2, 8), range(1, 5), range(1, 4), range(3), range(1, 4), (False, True)
    )  # fmt: skip


def test_convolution(module):
    torch.manual_seed(0)
    U, K = torch.randn(7, 7).tolist(), torch.randn(4, 4).tolist()
    ways = (
        "size", "kernel", "stride", "padding", "dilation", "transposed",
    )  # fmt: skip
    tried = refused = 0
    for dims, *values in list(settings_of_convolution())[::7]:
        settings = {"dims": dims} | dict(zip(ways, values, strict=True))
        figure = figures.Convolution(values=U, taps=K, **settings)
        plan = module(figures.Convolution, "wiring", settings)
        try:
            small, taps, out = figure.result()
        except RuntimeError:
            assert not plan["fits"], settings
            refused += 1
            continue
        assert plan["fits"], settings
        grid = plan["small" if settings["transposed"] else "large"]
        values = module(figures.Convolution, "corner", U, *grid)
        kernel = module(figures.Convolution, "corner", K, *plan["taps"])
        ours = module(
            figures.Convolution, "send", plan, values, kernel, settings["transposed"]
        )
        close(values, small.flatten())
        close(kernel, taps.flatten())
        close(ours, out.flatten())
        tried += 1
    assert tried > 150 and refused > 20


def test_convolution_answers(show):
    tab = show(figures.Convolution())
    says = tab.locator(".bh-says")
    assert says.inner_text().startswith("V(0, 0) = 1·0 + 0·0 − 1·3 +")
    tab.get_by_role("button", name="Step").press("Enter")
    settle(tab)
    assert says.inner_text().startswith("V(0, 1)")
    assert (
        tab.get_by_role("slider", name="window").get_attribute("aria-valuetext")
        == "2 of 9"
    )
    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 0.62, box["y"] + 35)
    settle(tab)
    assert says.inner_text().startswith("V(0, ")
    tab.get_by_label("dilation").press("End")
    settle(tab)
    assert (
        "covers 7 pixels" in says.inner_text()
        and "PyTorch refuses" in says.inner_text()
    )
    tab.get_by_role("button", name="Start again").click()
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "document.querySelector('.bh-slider input').getAttribute('aria-valuetext') === '3 of 9'"
    )
    tab.get_by_role("button", name="Pause").click()
    assert tab.get_by_role("button", name="Play").count() == 1


def test_convolution_takes_what_the_chapter_has():
    figure = figures.Convolution(torch.arange(6.0), torch.ones(2), stride=2)
    assert (figure.dims, figure.size, figure.kernel) == (1, 6, 2)
    assert figure.result()[2].tolist() == [[1.0, 5.0, 9.0]]
    with pytest.raises(TraitError, match="values: number 1 is inf"):
        figures.Convolution(torch.tensor([1.0, torch.inf]))
    with pytest.raises(TraitError, match="stride"):
        figures.Convolution(stride=0)
