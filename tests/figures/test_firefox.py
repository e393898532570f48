"""The figures in Firefox, from a file, with a key and a mouse."""

import json

import pytest

from byhand import figures
from tests.support.figures import write
from tests.support.firefox import executable, firefox

ALL = [getattr(figures, name) for name in figures.__all__]
READY = """new Promise((done) => {
  const look = () => document.querySelector(".widget[data-ready] .bh-figure")
    ? requestAnimationFrame(() => requestAnimationFrame(done)) : setTimeout(look, 20);
  look(); })"""
DRAWN = "new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"
SEEN = """JSON.stringify([
  [...document.querySelectorAll(".bh-figure :is(input, select)")].map(
    (control) => control.type === "checkbox" ? control.checked : control.value),
  [...document.querySelectorAll(".bh-says")].map((e) => e.textContent),
  [...document.querySelectorAll(".bh-figure canvas")].map((c) => c.toDataURL().length)])"""

pytestmark = pytest.mark.skipif(not executable(), reason="there is no Firefox here")


@pytest.fixture(scope="module")
def tab():
    with firefox() as tab:
        yield tab


@pytest.mark.parametrize("figure", ALL, ids=lambda f: f.__name__)
def test_it_answers_in_firefox(tab, figure, tmp_path):
    tab.size(390, 800)
    tab.open(write(tmp_path, figure()))
    tab.evaluate(READY)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    first = tab.evaluate(SEEN)
    slider = "document.querySelector('.bh-figure input[type=range]:not(:disabled)')"
    at_end = tab.evaluate(f"{slider}.focus(), {slider}.value === {slider}.max")
    tab.press("ArrowLeft" if at_end else "ArrowRight")
    tab.evaluate(DRAWN)
    moved = tab.evaluate(SEEN)
    assert moved != first
    buttons = "document.querySelectorAll('.bh-presets button')"
    tab.evaluate(f"{buttons}[1].scrollIntoView({{block: 'center'}})")
    tab.click(f"{buttons}[1]")
    tab.evaluate(DRAWN)
    assert tab.evaluate(f"{buttons}[1].getAttribute('aria-pressed')") == "true"
    assert tab.evaluate(SEEN) != moved
    tab.evaluate(f"[...{buttons}].at(-1).focus()")
    tab.click(f"[...{buttons}].at(-1)")
    tab.evaluate(DRAWN)
    assert json.loads(tab.evaluate(SEEN))[:2] == json.loads(first)[:2]
    assert tab.complaints == []
