"""What every figure that responds owes: how it answers a hand, a key, a screen reader,
paper and bad state.
"""

import itertools

import pytest
from build import install_katex

from byhand import figures
from tests.support.figures import ALT, FOLDER, ROOT, settle

ALL = [getattr(figures, name) for name in figures.__all__]
each_figure = pytest.mark.parametrize("figure", ALL, ids=lambda f: f.__name__)

# All that a reader can see of a figure's state.
SEEN = """() => JSON.stringify([
  [...document.querySelectorAll(".bh-figure :is(input, select)")].map(
    (control) => control.type === "checkbox" ? control.checked : control.value),
  [...document.querySelectorAll(".bh-says, .bh-figure output")].map((e) => e.textContent),
  [...document.querySelectorAll(".bh-figure canvas")].map((c) => c.toDataURL().length)])"""


def test_sizes():
    for path in FOLDER.glob("*.js"):
        assert 1000 < path.stat().st_size <= 20_000, path.name
    assert (ROOT / "book/_assets/widget-host.js").stat().st_size <= 8_000
    modules = {path.stem for path in FOLDER.glob("*.js")} - {"kit", "network", "pixels"}
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
