"""Optimisers race, to be moved."""

import math

import pytest
import torch
from torch import optim
from torch.optim import lr_scheduler
from traitlets import TraitError

from byhand import figures
from byhand.figures.race import OPTIMISERS, RATES, SCHEDULES, SURFACES
from tests.support.figures import close, settle

# rates at which each of them neither stands still nor flies off, on any surface
CALM = {
    "descent": 0.03, "momentum": 0.01, "Nesterov": 0.01, "Adagrad": 0.2,
    "RMSprop": 0.02, "Adam": 0.1, "AdamW": 0.1, "uncorrected": 0.05,
}  # fmt: skip


def settings(race: figures.Race) -> dict:
    """What the module's `run` and `best` take."""
    names = ("surface", "x", "y", "rate", "schedule", "momentum")
    noise = [n for row in race.noise for n in row]
    return {name: getattr(race, name) for name in names} | {"noise": noise}


def numbers(array) -> list[float]:
    """A typed array, as it comes out of a browser."""
    return list(array.values()) if isinstance(array, dict) else list(array)


@pytest.mark.parametrize("surface", SURFACES)
def test_surfaces(module, surface):
    generator = torch.Generator().manual_seed(1)
    points = 4 * torch.rand(20, 2, generator=generator, dtype=torch.float64) - 2
    for point in points:
        point.requires_grad_()
        height = SURFACES[surface](*point)
        (slope,) = torch.autograd.grad(height, point)
        ours = module(figures.Race, "height", surface, *point.tolist())
        close(ours, torch.cat([height[None], slope]))


@pytest.mark.parametrize("surface", SURFACES)
def test_their_lowest_points_have_height_zero(surface):
    side = torch.linspace(-2, 2, 801, dtype=torch.float64)
    heights = SURFACES[surface](*torch.meshgrid(side, side, indexing="ij"))
    assert 0 <= heights.min() < 1e-4


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("surface", SURFACES)
def test_race(module, surface, name):
    """Each step of each optimiser is that of torch.optim."""
    schedules = list(SCHEDULES)
    for place, start in enumerate([(-1.3, 1.2), (0.7, -0.4)]):
        race = figures.Race(
            surface=surface, x=start[0], y=start[1], rate=CALM[name], tuned=False,
            schedule=schedules[(place + len(name)) % 4], momentum=0.9 - 0.3 * place,
        )  # fmt: skip
        (theirs,) = race.run(name, [race.rate])
        ours = module(figures.Race, "run", name, settings(race))
        assert theirs.shape == (151, 2) and theirs.abs().max() < 10
        assert (theirs[-1] - theirs[0]).norm() > 0.05
        close(numbers(ours["path"]), theirs.flatten())
        close(numbers(ours["losses"]), SURFACES[surface](*theirs.T))


def test_torch_runs_what_is_meant():
    """The reference itself, beside torch.optim called as a student would call it."""
    race = figures.Race(surface="noisy", x=1.0, y=-1.5, schedule="step", rate=0.05)
    for name, make in {
        "descent": lambda p: optim.SGD(p, 0.05),
        "Nesterov": lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
        "AdamW": lambda p: optim.AdamW(p, 0.05, weight_decay=0.1),
    }.items():
        point = torch.tensor([1.0, -1.5], dtype=torch.float64, requires_grad=True)
        optimiser = make([point])
        scheduler = lr_scheduler.MultiStepLR(optimiser, [50, 100], 0.1)
        (path,) = race.run(name, [0.05])
        for k in range(150):
            torch.testing.assert_close(path[k], point.detach(), rtol=1e-9, atol=1e-12)
            gradient = point.new_tensor([1.0, 4.0]) * point.detach()
            point.grad = gradient + point.new_tensor(race.noise[k])
            optimiser.step()
            scheduler.step()


def test_uncorrected(module):
    """Adam's formula without its correction, written out."""
    race = figures.Race(rate=0.03, tuned=False)
    point, m, v = torch.tensor([-1.3, 1.8], dtype=torch.float64), 0, 0
    path = [point]
    for _ in race.noise:
        point = point.clone().requires_grad_()
        (g,) = torch.autograd.grad(SURFACES["valley"](*point), point)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        point = point.detach() - 0.03 * m / (v.sqrt() + 1e-8)
        path.append(point)
    ours = module(figures.Race, "run", "uncorrected", settings(race))
    close(numbers(ours["path"]), torch.stack(path).flatten())
    first = torch.tensor(numbers(ours["path"])[2:4]) - torch.tensor([-1.3, 1.8])
    torch.testing.assert_close(
        first.abs(), torch.full((2,), 0.03 * 0.1 / math.sqrt(0.001)), rtol=1e-4, atol=0
    )


def test_schedules(module):
    T = 120
    point = torch.zeros(1, requires_grad=True)
    for name, make in {
        "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1),
        "step": lambda o: lr_scheduler.StepLR(o, T // 3, 0.1),
        "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T),
        "warm-up": lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, 12 / 144, 1, 11),
                lr_scheduler.CosineAnnealingLR(o, T - 12),
            ],
            [12],
        ),
    }.items():
        optimiser = optim.SGD([point], lr=1.0)
        scheduler = make(optimiser)
        theirs = []
        for _ in range(T):
            theirs.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
        ours = [module(figures.Race, "share", name, k, T) for k in range(T)]
        close(ours, torch.tensor(theirs, dtype=torch.float64))
        close([SCHEDULES[name](k, T) for k in range(T)], torch.tensor(theirs).double())


@pytest.mark.parametrize("surface", ["valley", "saddle"])
def test_each_at_its_best_rate(module, surface):
    race = figures.Race(surface=surface, optimisers=list(OPTIMISERS))
    for name, (rate, path) in race.result().items():
        ours = module(figures.Race, "best", name, settings(race))
        close(ours["rate"], torch.tensor(rate))
        close(numbers(ours["path"]), path.flatten())
        assert rate in RATES


def test_race_answers(show):
    tab = show(figures.Race())
    says = tab.locator(".bh-says")
    assert says.inner_text().startswith(
        "Loss above the minimum after 150 steps: momentum"
    )
    tab.get_by_role("checkbox", name="Adagrad").press("Space")
    settle(tab)
    assert "Adagrad" in says.inner_text()
    rate = tab.get_by_label("rate η", exact=True)
    assert rate.get_attribute("aria-valuetext") == "each its own"
    rate.press("End")
    settle(tab)
    assert rate.get_attribute("aria-valuetext") == "2.00"
    assert not tab.get_by_label("each at its best rate").is_checked()
    assert "momentum has flown off" in says.inner_text()

    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(tab)
    x = float(tab.get_by_label("start x").input_value())
    assert abs(x) < 0.3 and x != -1.3
    plot = tab.locator("canvas").nth(1).bounding_box()
    tab.mouse.click(plot["x"] + 50 + (plot["width"] - 62) / 3, plot["y"] + 80)
    settle(tab)
    step = tab.get_by_label("step", exact=True)
    assert step.get_attribute("aria-valuetext") == "50 of 150"
    tab.get_by_role("button", name="Step", exact=True).press("Enter")
    settle(tab)
    assert step.get_attribute("aria-valuetext") == "51 of 150"
    assert "after 51 steps" in says.inner_text()
    tab.get_by_label("step", exact=True).press("End")
    tab.get_by_role("button", name="Play").click()  # from the start again
    tab.wait_for_function(
        "document.querySelector('.bh-slider input').getAttribute('aria-valuetext') === '9 of 150'"
    )
    tab.get_by_role("button", name="Pause").click()

    for name in ("descent", "momentum", "Adagrad", "RMSprop", "Adam"):
        tab.get_by_role("checkbox", name=name, exact=True).uncheck()
    settle(tab)
    assert says.inner_text() == "Nobody takes part: choose an optimiser."


def test_the_presets_show_what_their_notes_say(show):
    tab = show(figures.Race())
    says = tab.locator(".bh-says")

    def order(preset: str) -> str:
        tab.get_by_role("button", name=preset).click()
        settle(tab)
        return says.inner_text().partition(": ")[2]

    assert order("One rate for all").split(", ")[-1].startswith("Adam ")
    tab.get_by_label("rate η", exact=True).press("PageUp")
    tab.get_by_label("rate η", exact=True).press("PageUp")
    settle(tab)
    assert "descent has flown off" in says.inner_text()
    assert order("too large").startswith("momentum 2·10⁻⁸, descent 1288")
    assert order("A ravine").startswith("Nesterov") and "momentum 1·10⁻⁷" in order(
        "A ravine"
    )
    order("Near a saddle")
    step = tab.get_by_label("step", exact=True)
    for key in ("Home", "PageUp", "PageUp", "PageUp"):
        step.press(key)
    settle(tab)
    told = says.inner_text()
    assert "after 45 steps: RMSprop" in told and told.endswith("descent 0.26.")
    step.press("End")
    tab.get_by_label("start y").press("ArrowLeft")
    settle(tab)
    assert says.inner_text().count("0.25") == 4  # the saddle's height
    assert order("Which minimum").startswith("momentum 0.85, descent 1.7, Adam 1.7")
    before = order("schedule for the noise")
    tab.get_by_label("schedule", exact=True).select_option("constant")
    settle(tab)
    assert before.startswith("descent 0.0018") and "descent 0.052" in says.inner_text()


def test_one_surface_is_drawn_once(show):
    tab = show(figures.Race())
    tab.evaluate(
        """() => { window.drawn = 0; const put = CanvasRenderingContext2D.prototype.putImageData;
          CanvasRenderingContext2D.prototype.putImageData = function (...a) {
            window.drawn++; return put.apply(this, a); } }"""
    )
    for label in ("start x", "rate η", "step"):
        for _ in range(3):
            tab.get_by_label(label, exact=True).press("ArrowLeft")
            settle(tab)
    assert tab.evaluate("drawn") == 0
    tab.get_by_label("surface", exact=True).select_option(label="four minima")
    settle(tab)
    assert tab.evaluate("drawn") == 1


def test_race_draws_itself_still():
    for surface in SURFACES:
        race = figures.Race(20, surface=surface, optimisers=["descent", "Adam"])
        left, right = race.still().axes
        assert len(left.lines) == 3 and len(right.lines) == 3
    assert len(figures.Race(20, optimisers=[]).still().axes) == 2
    assert race.noise == figures.Race(20).noise  # the same for everybody


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"surface": "moon"}, "surface"),
        ({"optimisers": ["Lion"]}, "optimisers"),
        ({"x": 3.0}, "x"),
        ({"rate": float("nan")}, "rate: number 0 is nan"),
        ({"noise": []}, "nothing to show"),
        ({"steps": 3}, "steps: 3"),
    ],
)
def test_race_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Race(**bad)
