"""Every notebook is clean, portable, leads where it says; chapters speak one dialect."""

import ast
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from addresses import configured
from IPython.core.inputtransformer2 import TransformerManager

from byhand import notebooks

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
HOME = ROOT / "book/index.ipynb"
NOTEBOOKS = [*CHAPTERS, HOME, *sorted(ROOT.glob("solutions/*/*.ipynb"))]
NOTEBOOKS += sorted(ROOT.glob("assignments/*/*.ipynb"))
PAGES = [*CHAPTERS, HOME, *sorted((ROOT / "book").glob("*.md"))]
# how other books call what ours calls otherwise
FOREIGN = {"fig": "figure", "ax": "axis", "optimizer": "optimiser"}
CLOCKS = {"perf_counter", "perf_counter_ns", "process_time", "time", "timeit"}

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: name(p))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def markdown(path: Path) -> str:
    """The Markdown of a page, without code."""
    if path.suffix == ".md":
        text = path.read_text("utf8")
    else:
        cells = nbformat.read(path, 4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def slug(heading: str) -> str:
    """The anchor that GitHub and the book give a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(h) for h in re.findall(r"^#{1,6} (.+)$", markdown(path), flags=re.M)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_clean(path):
    text = path.read_text("utf8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebooks.text(notebooks.clean(notebook)) == text, (
        f"run: python -m byhand.notebooks clean {name(path)}"
    )


@pytest.mark.parametrize("path", sorted({*PAGES, *NOTEBOOKS}), ids=name)
def test_links_lead_somewhere(path):
    alone = path not in PAGES  # a homework: students have that file, and nothing else
    for target in re.findall(r"\]\(([^)\s]+)\)", markdown(path)):
        file, _, anchor = unquote(target).partition("#")
        if alone and file.startswith(configured().site):
            page = ROOT / file.removeprefix(configured().site + "/")
            assert page.suffix == ".html", target
            kinds = [page.with_suffix(kind) for kind in (".ipynb", ".md")]
            page = next((kind for kind in kinds if kind.exists()), page)
        elif re.match(r"(https?:|mailto:)", target):
            assert not target.startswith("http://"), target
            continue
        else:
            assert not (alone and file), f"{name(path)} links to {target}"
            page = (path.parent / file).resolve() if file else path
        assert page.exists(), f"{name(path)} links to {target}, which does not exist"
        if anchor:
            assert anchor in anchors(page), f"{name(path)}: no heading for {target}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_markdown_is_portable(path):
    text = markdown(path)
    assert not re.search(r"^(```|:::)\{", path.read_text("utf8"), flags=re.M)
    assert not re.search(r"\{[a-z:-]+\}`", text), "a MyST role shows up raw elsewhere"
    assert not re.search(r"^\([\w-]+\)=$", text, flags=re.M), "a MyST target"


def test_every_page_is_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text("utf8")
    listed = re.findall(r"(?:file|root): (\S+)", toc)
    assert yaml.safe_load(toc)["format"] == "jb-book"
    assert sorted(listed) == sorted(str(Path(name(p)).with_suffix("")) for p in PAGES)


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_chapter_has_the_parts_of_a_chapter(path):
    notebook = nbformat.read(path, 4)
    text = markdown(path)
    number = int(path.name[:2])
    assert text.startswith(f"# {number} · ")
    headings = re.findall(r"^## (.+)$", text, flags=re.M)
    order = [
        "What you will be able to do",
        "What we saw",
        "Exercises",
        "Further reading",
    ]
    assert [h for h in headings if h in order] == order
    exercises = text.partition("\n## Exercises")[2].partition("\n## ")[0]
    tagged = [c for c in notebook.cells if "hide-cell" in c.metadata.get("tags", [])]
    assert exercises.count("<details>") + len(tagged) >= 5
    setup = next(c for c in notebook.cells if c.cell_type == "code")
    assert setup.id == "setup" and "import byhand" in setup.source
    pictures = [
        c.metadata.mystnb.image.alt
        for c in notebook.cells
        if "image" in c.metadata.get("mystnb", {})
    ]
    assert len(pictures) >= 4 and all(len(alt) >= 30 for alt in pictures)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            own = cell.source.removeprefix(configured().first_cell)
            assert len(own.splitlines()) <= 40, cell.source[:60]


@cache
def code(path: Path) -> list[tuple[str, list[ast.AST]]]:
    """The id of each code cell of a chapter, and all that its code consists of."""
    cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    python = TransformerManager().transform_cell  # of IPython's %pip, say
    return [(c.id, list(ast.walk(ast.parse(python(c.source))))) for c in cells]


def says(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "say"


@each_chapter
def test_ids_say_what_a_cell_does(path):
    for cell in nbformat.read(path, 4).cells:
        numbered = re.fullmatch(r".*-\d{1,3}[a-z]?", cell.id)
        assert not numbered or cell.id.startswith(("ex", "step-")), cell.id


@each_chapter
def test_a_cell_that_says_a_sentence_is_called_so_and_ends_with_it(path):
    """Whatever it asserts, it has asserted before."""
    for cell, nodes in code(path):
        assert any(map(says, nodes)) == cell.endswith("-say"), cell
        if cell.endswith("-say"):
            last = nodes[0].body[-1]  # ast.walk begins with the module
            assert isinstance(last, ast.Expr) and says(last.value), cell


@each_chapter
def test_names_are_the_same_in_all_chapters(path):
    for cell, nodes in code(path):
        names = {n.id for n in nodes if isinstance(n, ast.Name)}
        names |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        wrong = {n: ours for n, ours in FOREIGN.items() if n in names}
        assert not wrong, f"{cell}: in this book {wrong}"


@each_chapter
def test_what_draws_is_imported_by_name_and_what_switches_is_not(path):
    for cell, nodes in code(path):
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module == "byhand.plots":
                names = [alias.name for alias in node.names]
                assert all(n == "COLOURS" or n.startswith("show_") for n in names), cell
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "plots":
                assert node.attr in ("pixels", "lines"), f"{cell}: plots.{node.attr}"


@each_chapter
def test_colours_are_those_of_the_book(path):
    for cell, nodes in code(path):
        texts = [n for n in nodes if isinstance(n, ast.Constant | ast.JoinedStr)]
        for text in map(ast.unparse, texts):
            literal = re.fullmatch(r"f?'(#[0-9a-fA-F]{6}|C(\d|{.*})|tab:.*)'", text)
            assert not literal, f"{cell}: {text} in place of one of COLOURS"


@each_chapter
def test_time_is_measured_by_byhand_seconds(path):
    for cell, nodes in code(path):
        used = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
        used |= {n.id for n in nodes if isinstance(n, ast.Name) and n.id != "time"}
        made = {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
        made |= {
            n.id for n in nodes if isinstance(n, ast.Name) and type(n.ctx) is ast.Store
        }
        assert not used & CLOCKS and "seconds" not in made, (
            f"{cell}: use byhand.seconds"
        )


@each_chapter
def test_no_call_asks_the_device_for_double_precision(path):
    """Apple's GPUs have none: torch.float64 raises a TypeError there."""
    double = {"float64", "double"}
    for cell, nodes in code(path):
        for node in (n for n in nodes if isinstance(n, ast.Call)):
            inside = list(ast.walk(node))
            used = {n.attr for n in inside if isinstance(n, ast.Attribute)}
            named = {n.id for n in inside if isinstance(n, ast.Name)}
            moved = "device" in named and "cpu" not in used
            assert not (used & double and moved), f"{cell}: {ast.unparse(node)}"


def test_clean_keeps_ids_and_source_and_drops_the_rest():
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("1 + 1", id="sum", execution_count=3)
    cell.outputs = [nbformat.v4.new_output("stream", text="2")]
    cell.metadata.update(tags=["hide-input"], collapsed=True, scrolled=False)
    twin = nbformat.v4.new_markdown_cell("*text*", id="sum")
    notebook.cells = [cell, twin]
    notebook.metadata.widgets = {"state": {}}
    cleaned = notebooks.clean(notebook)
    assert cleaned.cells[0].outputs == [] and cleaned.cells[0].execution_count is None
    assert cleaned.cells[0].metadata == {"tags": ["hide-input"]}
    assert [c.id for c in cleaned.cells] == ["sum", "sumx"]
    assert cleaned.cells[0].source == "1 + 1" and "widgets" not in cleaned.metadata


def test_check_command_names_what_is_not_clean(tmp_path, capsys):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("1", execution_count=1)]
    path = tmp_path / "x.ipynb"
    nbformat.write(notebook, path)
    assert notebooks.main(["check", str(path)]) == 1
    assert str(path) in capsys.readouterr().out
    assert notebooks.main(["clean", str(path)]) == 0
    assert notebooks.main(["check", str(path)]) == 0
