"""book/build.py and its extensions, tried on small books of their own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from warm_kernels import WarmKernelManager

from byhand import data, notebooks
from tests.support.browser import browser

ROOT = Path(__file__).parents[1]

PICTURE = """\
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9"/></svg>')
"""
PIXELS = """\
import numpy as np
from PIL import Image
Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
"""
WIDGET = '''\
import anywidget
import traitlets

class Doubler(anywidget.AnyWidget):
    _esm = """
    // </script> and <!-- in a module must not end the page's script
    export default {
      initialize({ model }) { model.set("started", model.get("started") + 1); },
      render({ model, el }) {
        el.innerHTML = "<label>x <input type=range max=9></label> <output></output>";
        const [input, output] = [el.querySelector("input"), el.querySelector("output")];
        const factor = new Int8Array(model.get("factor").buffer)[0];
        const draw = () => {
          input.value = model.get("x");
          output.textContent = factor * model.get("x") + "/" + model.get("started");
        };
        input.addEventListener("input", () => {
          model.set("x", Number(input.value));
          model.save_changes();
        });
        model.on("change:x", draw);
        draw();
      },
    };
    """
    _css = ".cell_output output { font-weight: 700; }"
    x = traitlets.Int(3).tag(sync=True)
    started = traitlets.Int(0).tag(sync=True)
    factor = traitlets.Bytes(bytes([2])).tag(sync=True)

class WithStill(Doubler):
    def _repr_mimebundle_(self, **options):
        forms, metadata = super()._repr_mimebundle_(**options)
        return forms | {"text/html": "<p>Twice three is six.</p>"}, metadata

figure = WithStill()
'''


def markdown(text: str):
    return new_markdown_cell(text)


def code(source: str, **mystnb):
    return new_code_cell(source, metadata={"mystnb": mystnb} if mystnb else {})


@pytest.fixture
def book(tmp_path):
    """A function that writes a small book with the given pages and builds it."""
    (tmp_path / "book").mkdir()
    texts = ("_config.yml", "constraints.txt", "pyproject.toml")
    for name in (*texts, "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, tmp_path)
    for name in (
        "build.py",
        "pack.py",
        "warm_kernels.py",
        "package.json",
        "package-lock.json",
        ".npmrc",
    ):
        shutil.copy(ROOT / "book" / name, tmp_path / "book")
    for name in ("_ext", "_assets", "_templates", "node_modules"):
        if (ROOT / "book" / name).exists():
            shutil.copytree(ROOT / "book" / name, tmp_path / "book" / name)

    def build(**pages) -> subprocess.CompletedProcess:
        for name, cells in pages.items():
            for place, cell in enumerate(cells):
                cell.id = f"cell-{place}"
            notebook = notebooks.clean(new_notebook(cells=cells))
            nbformat.write(notebook, tmp_path / "book" / f"{name}.ipynb")
        root, *others = sorted(p.stem for p in tmp_path.glob("book/*.ipynb"))
        toc = {"format": "jb-book", "root": f"book/{root}"}
        toc["chapters"] = [{"file": f"book/{name}"} for name in others]
        (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc), "utf8")
        return subprocess.run(
            [sys.executable, tmp_path / "book" / "build.py"],
            capture_output=True,
            text=True,
            env=os.environ | {"BYHAND_OFFLINE": "1", "NO_COLOR": "1"},
        )

    build.root = tmp_path
    return build


def test_only_what_changed_runs_again(book):
    one = [markdown("# One\n\nFirst."), code("print(6 * 7)")]
    two = [
        markdown("# Two\n\nSecond."),
        code("import sys; sys.stderr.write('ps' + 'st')"),
    ]
    first = book(a=one, b=two)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Chapters: 2 to run, 0 unchanged." in first.stdout
    assert "a.ipynb done in" in first.stdout
    assert "b.ipynb wrote to stderr (not shown in the book): psst" in first.stdout
    page = book.root / "_build/html/book/b.html"
    assert (book.root / "_build/html/index.html").as_uri() in first.stdout
    assert "Second." in page.read_text() and "psst" not in page.read_text()

    assert "Nothing has changed" in book().stdout
    two[0].source = "# Two\n\nOther words."
    assert "Chapters: 0 to run, 2 unchanged." in book(b=two).stdout
    assert "Other words." in page.read_text()
    one[1].source = "print(6 * 8)"
    again = book(a=one)
    assert "Chapters: 1 to run, 1 unchanged." in again.stdout
    assert "a.ipynb ..." in again.stdout and "b.ipynb ..." not in again.stdout
    assert "48" in (book.root / "_build/html/book/a.html").read_text()


def test_homeworks_and_the_library_are_served_with_the_pages(book):
    homework = book.root / "assignments" / "hw" / "hw.ipynb"
    homework.parent.mkdir(parents=True)
    homework.write_text('{"cells": []}')
    link = "[download](../assignments/hw/hw.ipynb)"
    result = book(a=[markdown(f"# A\n\nTake it: {link}.")], b=[markdown("# B")])
    assert result.returncode == 0, result.stdout + result.stderr
    pages = book.root / "_build" / "html"
    (served,) = pages.glob("_downloads/*/hw.ipynb")
    assert served.read_text() == homework.read_text()
    text = (pages / "book" / "a.html").read_text()
    assert f'href="../{served.relative_to(pages)}"' in text
    (wheel,) = (pages / "byhand").glob("byhand-*-py3-none-any.whl")
    names = ZipFile(wheel).namelist()
    assert {"byhand/__init__.py", "byhand/figures/kit.js"} <= set(names)
    assert not [name for name in names if not name.startswith("byhand")]
    # a notebook that is opened there finds the library by the first cell's ../../byhand
    assert (served.parent / "../../byhand").resolve() == wheel.parent
    homework.write_text('{"cells": [1]}')  # handed out anew
    assert "Built in" in book().stdout


def test_a_failing_chapter_is_named_and_nothing_is_published(book):
    fine = [markdown("# Fine"), code("print('fine')")]
    failing = [markdown("# Failing"), code("value = 0"), code("1 / value")]
    result = book(a=fine, b=failing)
    assert result.returncode == 1
    assert "b.ipynb failed: CellExecutionError" in result.stderr
    assert "1 / value" in result.stderr and "ZeroDivisionError" in result.stderr
    assert "a.ipynb done in" in result.stdout
    assert not (book.root / "_build/html").exists()
    assert "Chapters: 1 to run, 1 unchanged." in book().stdout


def test_warnings_fail_the_build_again_and_again(book):
    pages = {
        "a": [
            markdown("# A\n\nSee [nowhere](b.ipynb#nowhere) and [no file](c.ipynb).")
        ],
        "b": [
            markdown("# B\n\n$$\\frac{1}{2$$\n\n![](../book/_assets/logo.svg)"),
            code(PICTURE),
            code(PICTURE, image={"alt": "figure.svg"}),
            code(WIDGET),
            code("Doubler()"),
        ],
    }
    result = book(**pages)
    assert result.returncode == 1
    for complaint in ("nowhere", "c.ipynb", "KaTeX parse error", "JavaScript"):
        assert complaint in result.stderr, complaint
    assert result.stderr.count("give the picture a text alternative") == 3
    assert book().returncode == 1


def test_data_set_is_the_one_that_the_library_uses():
    spec = importlib.util.spec_from_file_location("build", ROOT / "book" / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    assert build.data_set() == data.digits("test").name


def test_a_build_with_nothing_to_do_loads_no_pytorch():
    code = (
        "import sys, build; build.result_fingerprint(); print('torch' in sys.modules)"
    )
    paths = [str(ROOT / "book"), *sys.path]
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert result.stdout == "False\n", result.stderr


def test_widgets_run_without_a_kernel(book):
    cells = [
        markdown("# Widgets\n\n" + "A paragraph.\n\n" * 80),
        code(WIDGET),
        code("figure"),
        code("figure"),
        code(PIXELS, image={"alt": "a few dark colours", "classes": "photo"}),
    ]
    built = book(a=cells, b=[markdown("# The end")])
    assert built.returncode == 0, built.stdout + built.stderr
    address = (book.root / "_build/html/book/a.html").as_uri()
    with browser() as chromium:
        tab = chromium.new_page()
        errors = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda r: r.url.startswith("http") and errors.append(r.url))
        tab.goto(address, wait_until="load")
        assert tab.locator(".widget").count() == 0  # far below: not started yet
        still = tab.locator(".widget-still p")
        assert still.count() == 2 and still.first.is_visible()  # until it runs
        tab.locator(".cell_output").first.scroll_into_view_if_needed()
        outputs = tab.locator(".widget output")
        outputs.nth(1).wait_for()
        assert outputs.all_text_contents() == ["6/1", "6/1"]  # two views, one start
        tab.locator(".widget input").first.press("ArrowRight")
        assert outputs.all_text_contents() == ["8/1", "8/1"]
        assert not still.first.is_visible()
        tab.emulate_media(media="print")
        assert still.first.is_visible() and not outputs.first.is_visible()
        tab.emulate_media(media="screen")
        photo = tab.locator("img.photo")
        assert photo.get_attribute("alt") == "a few dark colours"
        assert photo.evaluate("image => image.decode().then(() => true)")
        assert errors == []

        still = chromium.new_context(java_script_enabled=False).new_page()
        still.goto(address, wait_until="load")
        texts = still.locator(".cell_output p")
        assert texts.all_text_contents() == ["Twice three is six."] * 2
        assert texts.first.is_visible()
    (picture,) = (book.root / "_build/html/_images").iterdir()
    assert picture.suffix == ".webp"
    with Image.open(picture) as pixels:
        assert list(pixels.convert("RGB").tobytes()) == list(range(48))
    offered = book.root / "_build/html/_sources/book/a.ipynb"
    assert json.loads(offered.read_text())["cells"][1]["outputs"] == []
    html = (book.root / "_build/html/book/a.html").read_text()
    assert html.count("must not end the") == 2  # in the cell and, once, as a module
    assert "widget-host" not in (book.root / "_build/html/book/b.html").read_text()


def test_a_figure_in_a_book(book):
    alt = "three bars, and what is to be made of them"
    figure = code("from byhand import figures\nfigures.Softmax()", image={"alt": alt})
    built = book(a=[markdown("# Figures"), figure], b=[markdown("# The end")])
    assert built.returncode == 0, built.stdout + built.stderr
    page = (book.root / "_build/html/book/a.html").as_uri()
    with browser() as chromium:
        tab = chromium.new_page()
        tab.goto(page)
        tab.get_by_label("logit of class 0").press("End")
        tab.get_by_text("−log 1.00").wait_for()
        still = chromium.new_context(java_script_enabled=False).new_page()
        still.goto(page)
        assert still.get_by_alt_text(alt).is_visible()


def run_cells(*sources: str, **options):
    """These cells, run in a kernel that is there at once."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    quiet = {"kernel_manager_class": WarmKernelManager, "timeout": 60, **options}
    NotebookClient(notebook, **quiet).execute(cwd=str(ROOT / "book"))
    return ["".join(o.get("text", "") for o in c.outputs) for c in notebook.cells]


def test_a_warm_kernel_is_one_like_any_other(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SAID", "this")
    said = "import os, torch; print(__name__, os.environ['SAID'], os.path.basename(os.getcwd()), torch.get_num_threads())"
    first = run_cells(said, "x = 1", "print(torch.initial_seed())")
    assert first[0] == "__main__ this book 1\n"
    monkeypatch.setenv("SAID", "that")
    second = run_cells(said, "print('x' in globals())", "print(torch.initial_seed())")
    assert second[:2] == ["__main__ that book 1\n", "False\n"]
    assert first[2] != second[2]


def test_a_warm_kernel_that_is_stopped_or_dies():
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        run_cells("while True: pass", timeout=1, interrupt_on_timeout=True)
    with pytest.raises(DeadKernelError):
        run_cells("import os; os._exit(3)")
    assert run_cells("print(1)") == ["1\n"]
