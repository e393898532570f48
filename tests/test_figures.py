"""The figures that respond: their numbers against PyTorch, through the module that the
browser runs; and how they answer a hand, a key, a screen reader, paper and bad state.
"""

import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from build import install_katex
from traitlets import TraitError

from byhand import figures
from tests.support.browser import browser
from tests.support.figures import ALT, ROOT, load, write

FOLDER = Path(figures.__file__).parent
ALL = [getattr(figures, name) for name in figures.__all__]
each_figure = pytest.mark.parametrize("figure", ALL, ids=lambda f: f.__name__)

# All that a reader can see of a figure's state.
SEEN = """() => JSON.stringify([
  [...document.querySelectorAll(".bh-figure :is(input, select)")].map(
    (control) => control.type === "checkbox" ? control.checked : control.value),
  [...document.querySelectorAll(".bh-says, .bh-figure output")].map((e) => e.textContent),
  [...document.querySelectorAll(".bh-figure canvas")].map((c) => c.toDataURL().length)])"""


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.fixture
def module(chromium):
    """A function that calls what a figure's module exports, with plain data."""
    tab = chromium.new_page()
    loaded = None

    def call(figure: type, name: str, *values):
        nonlocal loaded
        if loaded is not figure:
            load(tab, figure)
            loaded = figure
        return tab.evaluate(
            "([name, values]) => figure[name](...values)", [name, values]
        )

    yield call
    tab.close()


@pytest.fixture
def show(chromium, tmp_path):
    """A function that opens a page with a figure; what the console says is kept."""
    contexts = []

    def show(*shown, theme="light", width=1280, damage=None, up=True, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, **options
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        tab = context.new_page()
        tab.complaints, tab.elsewhere = [], []
        tab.on(
            "console",
            lambda m: m.type in ("error", "warning") and tab.complaints.append(m.text),
        )
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on(
            "request",
            lambda r: r.url.startswith("http") and tab.elsewhere.append(r.url),
        )
        tab.goto(write(tmp_path, *shown, theme=theme, damage=damage))
        if up:
            tab.locator(".widget[data-ready] .bh-figure").first.wait_for()
            tab.evaluate(
                "() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"
            )
        return tab

    yield show
    for context in contexts:
        context.close()


def settle(tab):
    frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    tab.evaluate(frame)


def close(ours, theirs):
    """JavaScript counts in 64 bits, so torch does here; 1e-5 is what is promised."""
    ours = torch.tensor(ours, dtype=torch.float64)
    torch.testing.assert_close(ours, theirs.detach().double(), rtol=1e-5, atol=1e-9)


# What every figure owes


def test_sizes():
    for path in FOLDER.glob("*.js"):
        assert 1000 < path.stat().st_size <= 20_000, path.name
    assert (ROOT / "book/_assets/widget-host.js").stat().st_size <= 8_000
    modules = {path.stem for path in FOLDER.glob("*.js")} - {"kit"}
    assert modules == {path.stem for path in FOLDER.glob("*.py")} - {
        "__init__",
        "figure",
    }
    assert len(ALL) == len(modules)


@each_figure
def test_nothing_complains_moves_by_itself_or_comes_from_elsewhere(show, figure):
    tab = show(figure(), reduced_motion="reduce")
    before = tab.evaluate(SEEN)
    tab.wait_for_timeout(300)
    assert tab.evaluate(SEEN) == before
    assert tab.evaluate("document.getAnimations().length") == 0
    assert tab.complaints == [] and tab.elsewhere == []


@each_figure
def test_it_is_there_for_everyone(show, figure):
    """axe finds nothing: both themes, phone and desktop, three states; 320 px do."""
    install_katex()  # and axe with it
    axe = (ROOT / "book/node_modules/axe-core/axe.min.js").read_text("utf8")
    for theme, width in itertools.product(("light", "dark"), (390, 1280)):
        tab = show(figure(), theme=theme, width=width)
        tab.evaluate(axe)
        buttons = tab.locator(".bh-presets button")
        for button in (None, buttons.nth(1), buttons.nth(buttons.count() - 2)):
            if button:
                button.click()
                settle(tab)
            found = tab.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
            assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    tab = show(figure(), width=320)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320


@each_figure
def test_the_keyboard_reaches_and_moves_everything(show, figure):
    tab = show(figure())
    controls = tab.locator(".bh-figure :is(button, input, select):visible")
    count = controls.count()
    assert count >= 4
    tab.locator("h1").click()
    for place in range(count):
        tab.keyboard.press("Tab")
        control = tab.locator(":focus")
        assert control.evaluate("e => Boolean(e.closest('.bh-figure'))"), place
        assert control.evaluate(
            "e => parseFloat(getComputedStyle(e).outlineWidth) >= 2"
        )
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"
        if control.evaluate("e => e.type") == "range":
            before = tab.evaluate(SEEN)
            at_end = control.evaluate("e => e.value === e.max")
            control.press("ArrowLeft" if at_end else "ArrowRight")
            settle(tab)
            assert tab.evaluate(SEEN) != before, control.evaluate("e => e.outerHTML")
    assert tab.complaints == []


@each_figure
def test_presets_lead_through_it_and_one_leads_back(show, figure):
    tab = show(figure())
    first = tab.evaluate(SEEN)
    buttons = tab.locator(".bh-presets button")
    assert 4 <= buttons.count() <= 9
    seen = {first}
    for place in range(buttons.count() - 1):
        buttons.nth(place).press("Enter")
        settle(tab)
        assert buttons.nth(place).get_attribute("aria-pressed") == "true"
        assert len(tab.locator(".bh-note").inner_text().split()) >= 8
        seen.add(tab.evaluate(SEEN))
    assert len(seen) >= buttons.count() - 1  # one may be the state at the start
    buttons.last.press("Enter")
    settle(tab)
    assert tab.evaluate(SEEN) == first


@each_figure
def test_changes_are_told_politely_and_not_at_every_step(show, figure):
    tab = show(figure())
    spoken = tab.locator(".bh-spoken")
    assert spoken.get_attribute("role") == "status" and spoken.inner_text() == ""
    tab.evaluate(
        """() => { window.told = 0; new MutationObserver(() => told++).observe(
          document.querySelector(".bh-spoken"), { childList: true, subtree: true }) }"""
    )
    slider = tab.locator(".bh-figure input[type=range]").first
    for key in ("Home", *["ArrowRight"] * 9):
        slider.press(key)
    settle(tab)
    tab.wait_for_function("told > 0")
    assert tab.evaluate("told") <= 2
    assert spoken.text_content() == tab.locator(".bh-says").text_content()


@each_figure
def test_a_finger_scrolls_the_page_over_it(show, figure):
    tab = show(figure())
    actions = tab.evaluate(
        """[...document.querySelectorAll(".bh-figure :is(canvas, input[type=range], svg)")]
          .map((e) => getComputedStyle(e).touchAction)"""
    )
    assert set(actions) <= {"auto", "pan-y", "manipulation"}


@each_figure
def test_a_still_picture_on_paper_without_scripts_and_for_bad_state(
    show, figure, tmp_path
):
    tab = show(figure())
    still = tab.get_by_alt_text(ALT)
    assert not still.is_visible()
    tab.emulate_media(media="print")
    assert still.is_visible() and not tab.locator(".bh-figure").is_visible()
    assert still.evaluate("image => image.naturalWidth") > 100

    tab = show(figure(), java_script_enabled=False, up=False)
    assert tab.get_by_alt_text(ALT).is_visible()

    def no_numbers(state):
        for model in state.values():
            for name, value in model["state"].items():
                if isinstance(value, float | list) and not name.startswith("_"):
                    model["state"][name] = [] if isinstance(value, list) else None

    def no_module(state):
        for model in state.values():
            model["state"].pop("_esm", None)

    for damage in (no_numbers, no_module, lambda state: state.clear()):
        tab = show(figure(), damage=damage, up=False)
        tab.get_by_alt_text(ALT).wait_for()
        tab.wait_for_function("!document.querySelector('.widget')")
        tab.wait_for_timeout(50)
        (line,) = tab.complaints
        assert "still picture" in line and "\n" not in line
        assert tab.locator("h1").is_visible()


def test_unreadable_state_shows_all_still_pictures(show, tmp_path):
    def infinite(state):
        state["x"] = {"state": {"a": float("nan")}}  # json writes NaN: no JSON

    tab = show(figures.Softmax(), damage=infinite, up=False)
    tab.get_by_alt_text(ALT).wait_for()
    (line,) = tab.complaints
    assert line.startswith("The figures show their still pictures only.")


@each_figure
def test_two_figures_on_one_page_move_apart(show, figure):
    tab = show(figure(), figure())
    tab.locator(".bh-figure").nth(1).wait_for()
    says = tab.locator(".bh-figure")
    slider = says.nth(0).locator("input[type=range]").first
    before = says.nth(1).inner_text()
    slider.press("End")
    settle(tab)
    assert says.nth(1).inner_text() == before


# Numbers


def test_numbers_are_written_as_people_write_them(chromium):
    tab = chromium.new_page()
    tab.goto("about:blank")
    kit = (FOLDER / "kit.js").read_text("utf8")
    written = tab.evaluate(
        """async (kit) => {
          const { number } = await import(
            URL.createObjectURL(new Blob([kit], { type: "text/javascript" })));
          return [0, 1, -0.5, 12.345, 0.000012, -123456, 1e300 * 1e10, NaN, -1e-9].map(
            (x) => number(x));
        }""",
        kit,
    )
    tab.close()
    assert written == [
        "0", "1.00", "−0.500", "12.3", "1.2·10⁻⁵", "−1.2·10⁵", "∞", "not a number",
        "−1.0·10⁻⁹",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_softmax(module, seed):
    torch.manual_seed(seed)
    count = 2 + seed
    scale = 10.0 ** (seed - 1)
    z = (scale * torch.randn(count, dtype=torch.float64)).requires_grad_()
    target, T, smoothing = seed % count, 0.1 + 3 * torch.rand(()).item(), 0.2 * seed
    loss = F.cross_entropy(z / T, torch.tensor(target), label_smoothing=smoothing)
    loss.backward()
    ours = module(figures.Softmax, "crossEntropy", z.tolist(), target, T, smoothing)
    close(ours["loss"], loss)
    close(ours["p"], torch.softmax(z / T, 0))
    close(ours["gradient"], z.grad)


def test_the_naive_softmax_overflows_where_torch_does(module):
    for shift in (0.0, 80.0, 88.0, 89.0, 100.0):
        z = torch.tensor([0.5, 0.2, 0.0]) + shift
        powers = torch.exp(z)
        theirs = powers / powers.sum()
        ours = module(figures.Softmax, "naiveSoftmax", z.tolist())
        ours = torch.tensor(ours, dtype=torch.float32)
        torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_softmax_answers(show):
    tab = show(figures.Softmax(logits=[0.0, 0.0]))
    assert "= 0.693" in tab.locator(".bh-says").inner_text()
    tab.get_by_label("logit of class 0").press("End")
    settle(tab)
    assert "−log 1.00" in tab.locator(".bh-says").inner_text()
    tab.get_by_role("button", name="Add 100 to all").click()
    settle(tab)
    assert "not a number" in tab.locator(".bh-says").inner_text()
    assert "= 0.693" in tab.locator(".bh-says").inner_text()


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"logits": [float("nan"), 1.0]}, "number 0 is nan"),
        ({"logits": []}, "nothing to show"),
        ({"logits": [1.0]}, "two to eight"),
        ({"target": 7}, "none of the 4 classes"),
        ({"temperature": 0.0}, "temperature"),
        (
            {"cases": {"odd": [0.0, float("inf")]}, "logits": [0.0, 1.0]},
            "odd: number 1",
        ),
    ],
)
def test_softmax_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Softmax(**bad)


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
