"""A figure in JupyterLab and in Notebook 7: it and the kernel stay in step."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import TimeoutError

SHOW = (
    "from byhand.figures import Softmax\n\nfigure = Softmax(logits=[0.0, 0.0])\nfigure"
)
READ = "print('the kernel has', figure.logits[0])"
SET = "figure.temperature = 4.0"
PLACES = {"lab": "lab/tree/live.ipynb", "notebook": "notebooks/live.ipynb"}
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a Jupyter server with both, in a folder with one notebook."""
    folder = tmp_path_factory.mktemp("live")
    cells = [nbformat.v4.new_code_cell(source) for source in (SHOW, READ, SET)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, folder / "live.ipynb")
    options = ("--no-browser", "--allow-root", "--ServerApp.port=0")
    options += ("--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1")
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for kind in ("CONFIG", "DATA", "RUNTIME"):  # nothing of this account's own
        env[f"JUPYTER_{kind}_DIR"] = str(folder / ".jupyter" / kind.lower())
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        yield next(filter(None, map(ADDRESS.search, process.stderr)))[1]
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("place", PLACES)
def test_it_and_the_kernel_stay_in_step(chromium, server, place):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(120_000)
    tab = context.new_page()
    tab.goto(f"{server}/{PLACES[place]}")
    cells = tab.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(2).wait_for()
    figure = cells.nth(0).locator(".bh-figure")
    for _ in range(40):  # before the kernel is there, nothing is run
        cells.nth(0).locator(".cm-content").click()
        tab.keyboard.press("Control+Enter")
        with contextlib.suppress(TimeoutError):
            figure.get_by_role("slider").first.wait_for(timeout=5000)
            break
    slider = figure.get_by_label("logit of class 0")
    slider.press("End")
    says = figure.locator(".bh-says")
    figure.locator(".bh-says", has_text="−log 1.00").wait_for()
    before = says.inner_text()
    tab.wait_for_timeout(500)  # a kernel need not hear of every pixel
    cells.nth(1).locator(".cm-content").click()
    tab.keyboard.press("Shift+Enter")
    cells.nth(1).get_by_text("the kernel has 10.0").wait_for()
    cells.nth(2).locator(".cm-content").click()
    tab.keyboard.press("Shift+Enter")
    temperature = figure.get_by_label("temperature")
    shown = "input => input.getAttribute('aria-valuetext') === '4.00'"
    tab.wait_for_function(shown, arg=temperature.element_handle())
    assert says.inner_text() != before
    context.close()
