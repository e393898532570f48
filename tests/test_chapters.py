"""Each chapter runs from top to bottom without internet, on the built-in digits.

With MNIST, where there is one, the build runs them (tests/test_pages.py). Every claim
is an assertion in the chapter itself.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from warm_kernels import WarmKernelManager

CHAPTERS = sorted((Path(__file__).parents[1] / "book").glob("[0-9]*.ipynb"))
JOBS = max(1, min(4, os.cpu_count() or 1))


def run(path: Path, environment: dict) -> tuple[nbformat.NotebookNode, str | None]:
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_manager_class=WarmKernelManager,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        return notebook, str(error)
    return notebook, None


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Every chapter, run as on a machine without internet, as many at once as cores."""
    environment = {k: v for k, v in os.environ.items() if k != "BYHAND_DATA"}
    environment |= {
        "BYHAND_OFFLINE": "1",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),  # no MNIST in it
    }
    environment.setdefault("OMP_NUM_THREADS", "1")
    with ThreadPoolExecutor(JOBS) as pool:
        runs = pool.map(lambda path: run(path, environment), CHAPTERS)
        return dict(zip(CHAPTERS, runs, strict=True))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_runs_offline(executed, path):
    notebook, error = executed[path]
    assert error is None, error
    assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_claims_are_asserted_and_sentences_computed(executed, path):
    notebook, _ = executed[path]
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert sum("assert " in c.source or "check." in c.source for c in code) >= 4
    assert any("say(" in c.source for c in code)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_every_figure_has_a_text_alternative(executed, path):
    notebook, _ = executed[path]
    for cell in notebook.cells:
        if any(
            mime.startswith("image/")
            for output in cell.get("outputs", [])
            for mime in output.get("data", {})
        ):
            image = cell.metadata.get("mystnb", {}).get("image", {})
            assert len(image.get("alt", "")) >= 30, f"cell {cell.id} shows a picture"
