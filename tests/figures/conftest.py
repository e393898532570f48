"""A browser for the figures' tests: their modules alone, and pages that show them."""

import pytest

from tests.support.browser import browser
from tests.support.figures import load, write


@pytest.fixture(scope="package")
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
