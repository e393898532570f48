"""Merged, split and moved cells, and the forms in which tools leave a homework.

The forms are made here by a few lines, or by jupytext; each must end with the marks that
the work deserves, and with no code of the course's left as the student's.
"""

import ast
import contextlib
import copy
import io
import json
import re

import jupytext
import matplotlib
import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from byhand.cells import plain_python
from grader.notebook.parts import alike, parts
from grader.notebook.reading import read
from grader.notebook.repair import BELOW, ELSEWHERE, repair
from grader.notebook.sheet import Sheet, SheetCell
from tests.support.solutions import ROOT
from tests.test_repair import HW, RELEASED, SHEET

SOLUTIONS = ROOT / "solutions" / HW / f"{HW}.ipynb"
SOLVED = {cell.id: cell.source for cell in nbformat.read(SOLUTIONS, 4).cells}
FORWARD = "def relu_forward(x):\n    return x.clamp(min=0)"
BACKWARD = "def relu_backward(dout, x):\n    return dout * (x > 0)"


def homework(**sources: str) -> nbformat.NotebookNode:
    """The reference solution as a student hands it in, some cells otherwise."""
    notebook = nbformat.read(RELEASED, 4)
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader")
        if entry and entry["solution"]:
            cell.source = re.sub(r"(?m)^ *### .*\n?", "", SOLVED[cell.id]).rstrip()
        if cell.id == "train-use":
            cell.source = "# tried"
        cell.source = sources.get(cell.id.replace("-", "_"), cell.source)
    return notebook


def at(notebook, name: str) -> int:
    return [cell.id for cell in notebook.cells].index(name)


def source(notebook, name: str) -> str:
    return notebook.cells[at(notebook, name)].source


def stripped(notebook):
    """Without entries and ids, as most tools leave it."""
    content = json.loads(nbformat.writes(notebook))
    for cell in content["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    content["nbformat_minor"] = 4
    return content


def mended(notebook, sheet: Sheet = SHEET):
    text = notebook if isinstance(notebook, dict) else nbformat.writes(notebook)
    text = json.dumps(text) if isinstance(text, dict) else text
    found = read(text.encode())
    notes = repair(found, sheet)
    nbformat.validate(found)
    return found, notes


def own_code(notebook) -> list[str]:
    return [
        c.source
        for c in notebook.cells
        if c.cell_type == "code" and "nbgrader" not in c.metadata
    ]


def points(notebook, but: tuple[str, ...] = ("accuracy_test",)) -> float:
    """What a repaired notebook earns in this process, without the tests ``but``."""
    matplotlib.use("Agg")
    names = {"__name__": "__main__", "get_ipython": lambda: None}
    earned, before = 0.0, torch.is_grad_enabled()
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader") or {"grade": False}
        if cell.cell_type != "code" or entry.get("grade_id") in but:
            continue
        inside = torch.is_grad_enabled()
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            code = compile(plain_python(cell.source), cell.id, "exec")
            torch.set_grad_enabled(bool(entry["grade"]) or inside)
            exec(code, dict(names) if entry["grade"] else names)
            earned += entry.get("points", 0) if entry["grade"] else 0
        if entry["grade"]:
            torch.set_grad_enabled(inside)
    torch.set_grad_enabled(before)
    return earned


def check_full(notebook) -> list[str]:
    """All registered cells are there once, as they must be, and earn all points."""
    found, notes = mended(notebook)
    there = {c.id: c for c in found.cells if "nbgrader" in c.metadata}
    assert sorted(there) == sorted(cell.name for cell in SHEET.cells)
    for registered in SHEET.cells:
        cell = there[registered.name]
        assert cell.metadata.nbgrader == registered.metadata
        assert not registered.locked or cell.source == registered.source
    assert points(found) == 44
    for text in own_code(found):
        assert "def test_" not in text
    return notes


# ---- cells


def merge(first: str, *others: str):
    """Shift-M: the first cell's metadata stays."""

    def apply(notebook):
        for name in others:
            other = notebook.cells.pop(at(notebook, name))
            cell = notebook.cells[at(notebook, first)]
            cell.source += "\n\n" + other.source

    return apply


def delete(*names):
    def apply(notebook):
        notebook.cells = [c for c in notebook.cells if c.id not in names]

    return apply


def in_one_cell(*names, where=None, stubs=False):
    """The work of these cells in one of the student's own; theirs are gone, or blank."""

    def apply(notebook):
        released = {c.id: c.source for c in nbformat.read(RELEASED, 4).cells}
        text = "\n\n\n".join(source(notebook, name) for name in names)
        place = at(notebook, names[0])
        for name in names:
            if stubs:
                notebook.cells[at(notebook, name)].source = released[name]
            else:
                notebook.cells.pop(at(notebook, name))
        place = place if where is None else where
        place = len(notebook.cells) if place < 0 else place
        notebook.cells.insert(place, new_code_cell(text))

    return apply


def add_to(name: str, *lines: str, above=False):
    def apply(notebook):
        cell = notebook.cells[at(notebook, name)]
        texts = [cell.source, *lines]
        cell.source = "\n".join([*lines, cell.source] if above else texts)

    return apply


def split(name: str, line: str):
    """JupyterLab: both halves keep the entry, the first gets a new id."""

    def apply(notebook):
        place = at(notebook, name)
        cell = notebook.cells[place]
        first, second = cell.source.split(line, 1)
        half = copy.deepcopy(cell)
        half.id, half.source = "a-new-id", first.rstrip("\n")
        cell.source = line + second
        notebook.cells.insert(place, half)

    return apply


ALL = [c.name for c in SHEET.cells if c.kind == "solution"]
CELLS = {
    "a solution and its test": merge("relu", "relu_test"),
    "a solution, its test and more tests": merge(
        "sigmoid", "sigmoid_test", "activations_more_test"
    ),
    "a test and the solution below": merge("linear_forward_test", "linear_backward"),
    "a test and two solutions": merge("linear_more_test", "relu", "sigmoid"),
    "two solutions": merge("linear_forward", "linear_backward"),
    "three solutions": merge("relu", "sigmoid", "cross_entropy_forward"),
    "two tests": merge("linear_backward_test", "linear_more_test"),
    "setup and a solution": merge("setup", "linear_forward"),
    "setup, a solution and its test": merge(
        "setup", "linear_forward", "linear_forward_test"
    ),
    "a given cell in a solution": merge("cross_entropy_backward", "functions"),
    "a solution in a given cell": merge("functions", "numerical_gradient"),
    "text and a solution": lambda notebook: merge("train-use", "train")(notebook),
    "all work in one cell at the top": in_one_cell(*ALL, where=3),
    "all work in one cell, where the first was": in_one_cell(*ALL),
    "all work in one cell at the end": in_one_cell(*ALL, where=-1),
    "all work in one cell, blanks left": in_one_cell(*ALL, where=3, stubs=True),
    "all work at the end, blanks left": in_one_cell(*ALL, where=-1, stubs=True),
    "work in a new cell above the blank": in_one_cell("relu", stubs=True),
    "work in a new cell, the blank deleted": in_one_cell("sigmoid"),
    "an import in setup": add_to("setup", "import os"),
    "an import above setup": add_to("setup", "import os", above=True),
    "a missing module in setup": add_to("setup", "import einops"),
    "a line in setup": add_to("setup", "torch.manual_seed(0)", "device = 'cpu'"),
    "a print in a test": add_to("relu_test", "print('passed')"),
    "a line gone from setup": lambda notebook: notebook.cells[
        at(notebook, "setup")
    ].update(source=source(notebook, "setup").replace("use_style()\n", "")),
    "a solution split": split("relu", "def relu_backward"),
    "a class split": split("mlp", "    def forward"),
    "a function split": split("numerical_gradient", "    grad"),
    "empty cells deleted": delete("train-use"),
    "work in a locked cell": lambda notebook: (
        add_to("relu_test", SOLVED["relu"], above=True)(notebook),
        delete("relu")(notebook),
    ),
    "only code, all in one cell": lambda notebook: notebook.update(
        cells=[
            new_code_cell(
                "\n\n".join(c.source for c in notebook.cells if c.cell_type == "code")
            )
        ]
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells(name):
    notebook = homework()
    CELLS[name](notebook)
    for given in (notebook, stripped(notebook)):
        check_full(copy.deepcopy(given))


def test_what_is_added_to_a_given_cell_is_kept():
    notebook = homework()
    add_to("setup", "import os", "device = torch.device('cpu')")(notebook)
    found, notes = mended(notebook)
    assert source(found, "setup") == SOLVED["setup"]
    place = at(found, "setup")
    assert found.cells[place - 1].source == "import os"
    assert found.cells[place + 1].source == "device = torch.device('cpu')"
    assert "setup: what else stands in it is kept in a cell of its own" in notes


# how the given cell began when its library came from a repository by pip's magic
EARLIER = """\
try:
    import byhand
except ImportError:  # on Colab, say: install the course's library
    %pip install -q "byhand @ git+https://github.com/an-owner/a-course"
"""


@pytest.mark.parametrize("lost", [False, True])
def test_a_copy_from_last_year_is_put_right(lost):
    """Its given cell installed the library in another way; none of that stays."""
    notebook = homework()
    now = source(notebook, "setup")
    before = now[now.index("\n\nimport itertools") :]
    notebook.cells[at(notebook, "setup")].source = EARLIER + before
    found, _ = mended(stripped(notebook) if lost else notebook)
    assert source(found, "setup") == now
    assert not [c.source for c in found.cells if "%pip" in c.source]
    check_full(stripped(notebook) if lost else copy.deepcopy(notebook))


def test_work_in_a_test_is_kept_just_above_it():
    notebook = homework()
    work = "def helper(x):\n    return x"
    notebook.cells[at(notebook, "relu_test")].source = work
    found, _ = mended(notebook)
    assert found.cells[at(found, "relu_test") - 1].source == work


def test_a_blank_that_is_put_back_binds_nothing_of_the_students():
    notebook = homework()
    delete("relu", "sigmoid")(notebook)
    notebook.cells.insert(3, new_code_cell(FORWARD))
    found, _ = mended(notebook)
    assert source(found, "relu") == FORWARD  # the cell that has most of it
    assert "NotImplementedError" in source(found, "sigmoid")

    notebook.cells.insert(3, new_code_cell("relu_backward = sigmoid_forward = None"))
    found, _ = mended(notebook)
    assert "def sigmoid_forward" not in source(found, "sigmoid")
    assert "def sigmoid_backward" in source(found, "sigmoid")

    notebook.cells.insert(3, new_code_cell("sigmoid_backward = None"))
    assert source(mended(notebook)[0], "sigmoid") == ELSEWHERE


def test_a_copy_with_a_character_changed_is_no_work_of_the_students():
    for name in ("relu_test", "setup", "mlp_backward_test"):
        notebook = homework()
        text = source(notebook, name)
        at_least = new_code_cell(text.replace("import torch\n", "import torch \n", 1))
        changed = new_code_cell(
            text[:-3] + text[-2:] if name == "setup" else text + "#"
        )
        notebook.cells.insert(at(notebook, name) + 1, at_least)
        notebook.cells.insert(at(notebook, name) + 1, changed)
        check_full(notebook)


OWN = [
    "g = torch.Generator().manual_seed(0)\nX = torch.randn(4, 3, generator=g)",
    "def gradients(net, X):\n    return net.backward(torch.ones(len(X), 10))",
    "def logits(net, X):\n    return net.forward(X)",
    "def test_mine():\n    assert relu_forward(torch.tensor(-1.0)) == 0\n\n\ntest_mine()",
    "# Tests of mine\nassert linear_forward is not None",
    "from byhand import check\nimport torch.nn.functional as F",
    "net = MLP([5, 4, 3], seed=1)",
]


@pytest.mark.parametrize("text", OWN)
def test_what_only_looks_like_a_test_stays(text):
    notebook = homework()
    notebook.cells.append(new_code_cell(text))
    found, notes = mended(notebook)
    assert found.cells[-1].source == text
    assert notes == []


def test_an_untouched_homework_is_left_alone():
    for path in sorted(ROOT.glob("assignments/*/*.ipynb")):
        if path.stem == HW:
            assert mended(nbformat.read(path, 4))[1] == []
    found, notes = mended(homework())
    assert notes == []
    for cell, before in zip(found.cells, homework().cells, strict=True):
        assert cell.source == before.source or SHEET[cell.id].locked


# ---- the project: answers in new cells


PROJECT = Sheet(
    "project",
    tuple(
        SheetCell(name, "manual", "markdown", f"### {name}\n\nYOUR ANSWER HERE", "x",
                  False, 10.0)
        for name in ("question", "method", "writing")
    ),
    others=("## Before you hand in",),
)  # fmt: skip


def report(*more):
    cells = [
        *(new_markdown_cell(c.source, id=c.name) for c in PROJECT.cells),
        new_markdown_cell("## Before you hand in"),
    ]
    for place, cell in more:
        cells.insert(place, cell)
    for cell in cells:
        if cell.id in ("question", "method", "writing"):
            cell.metadata["nbgrader"] = PROJECT[cell.id].metadata
    return new_notebook(cells=cells)


def test_an_answer_below_waits_for_a_person():
    for cell in (new_markdown_cell("I ask whether …"), new_code_cell("measure()")):
        found, notes = mended(report((1, cell)), PROJECT)
        assert BELOW in found.cells[0].source
        assert [n for n in notes if n.startswith("question: it was left as it was")]
        assert BELOW not in found.cells[2].source
    found, notes = mended(report((3, new_markdown_cell("  "))), PROJECT)
    assert notes == []
    assert not [c for c in found.cells if BELOW in c.source]


def test_an_answer_that_has_lost_its_entry():
    notebook = report()
    notebook.cells[1].source = "### method\n\nI measured."
    found, _ = mended(stripped(notebook), PROJECT)
    (cell,) = [c for c in found.cells if c.id == "method"]
    assert "I measured." in cell.source


# ---- tools


def by_jupytext(form):
    def apply(notebook):
        return jupytext.reads(jupytext.writes(notebook, fmt=form), fmt=form)

    return apply


def script(notebook) -> str:
    """As nbconvert exports it: text as comments, magics as calls."""
    found = []
    for cell in notebook.cells:
        text = plain_python(cell.source) if cell.cell_type == "code" else ""
        lines = [f"# {line}".rstrip() for line in cell.source.split("\n")]
        found.append(f"# In[ ]:\n\n\n{text}" if text else "\n".join(lines))
    return "#!/usr/bin/env python\n# coding: utf-8\n\n" + "\n\n\n".join(found)


def cells_at(pattern):
    """Script and back: a cell begins where this matches."""

    def apply(notebook):
        found = re.split(pattern, script(notebook))
        return new_notebook(cells=[new_code_cell(t.strip("\n")) for t in found])

    return apply


def p2j(notebook):
    """Comments become text, and code is cut at blank lines before the margin."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            found.append(new_markdown_cell(cell.source))
            continue
        for block in re.split(r"\n\n+(?=\S)", cell.source):
            lines = block.split("\n")
            while lines and lines[0].startswith("#"):
                found.append(new_markdown_cell(lines.pop(0)[1:]))
            found += [new_code_cell("\n".join(lines))] if lines else []
    return stripped(new_notebook(cells=found))


def unparsed(notebook):
    """The hardest formatter: no comment, no quote and no line break stays."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            with contextlib.suppress(SyntaxError):
                cell.source = ast.unparse(ast.parse(cell.source))
    return stripped(notebook)


def translated(notebook):
    """Comments, docstrings and messages in another language."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(r"#.*", "# Bemerkung", cell.source)
            cell.source = re.sub(r'"""[^"]+"""', '"""Beschreibung."""', cell.source)
            cell.source = re.sub(
                r'"[A-Z][^"\n{]+[.?] ?"', '"Das ist falsch."', cell.source
            )
    return stripped(notebook)


def sorted_imports(notebook):
    for cell in notebook.cells:
        imports = [t for t in cell.source.split("\n") if re.match("import|from", t)]
        rest = [t for t in cell.source.split("\n") if not re.match("import|from", t)]
        if cell.cell_type == "code":
            cell.source = "\n".join([*sorted(imports), *rest])
    return stripped(notebook)


def without_imports_twice(notebook):
    """ruff check --fix: imports that an earlier cell has are deleted from tests."""
    seen = set()
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        left = [
            t for t in lines if not (t.startswith(("import", "from")) and t in seen)
        ]
        seen |= set(lines)
        if cell.cell_type == "code":
            cell.source = "\n".join(left)
    return stripped(notebook)


def marimo(notebook):
    """One name in one cell: imports above, what is bound twice is numbered."""
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        lines = [t for t in cell.source.split("\n") if t not in seen]
        seen |= {t for t in lines if re.match(r"import|from", t)}
        cell.source = "\n".join(lines)
        if "check.generator" in cell.source:
            cell.source = re.sub(r"(?m)^g = ", f"g_{number} = ", cell.source)
            cell.source = re.sub(r"generator=g\b", f"generator=g_{number}", cell.source)
    notebook.cells.insert(0, new_code_cell("import marimo as mo"))
    return stripped(notebook)


TOOLS = {
    "entries and ids dropped": stripped,
    "jupytext py:percent": by_jupytext("py:percent"),
    "jupytext py:light": by_jupytext("py:light"),
    "jupytext py:sphinx": by_jupytext("py:sphinx"),
    "jupytext py:nomarker": by_jupytext("py:nomarker"),
    "jupytext py:bare": by_jupytext("py:bare"),
    "jupytext md": by_jupytext("md"),
    "jupytext Rmd": by_jupytext("Rmd"),
    "script, back by jupytext": lambda n: jupytext.reads(script(n), fmt="py"),
    "script, back at the marks": cells_at(r"(?m)^# In\[.*\]:\n"),
    "script, back in one cell": cells_at(r"(?!)"),
    "script, back at blank lines": cells_at(r"\n\n\n+(?=\S)"),
    "p2j": p2j,
    "a formatter": unparsed,
    "a translator": translated,
    "isort": sorted_imports,
    "ruff --fix": without_imports_twice,
    "marimo": marimo,
}


@pytest.mark.parametrize("name", TOOLS)
def test_tools(name):
    notes = check_full(TOOLS[name](homework()))
    assert len(notes) < 60


def test_a_file_without_code_says_so():
    notebook = homework()
    for cell in notebook.cells:
        cell.source = "" if cell.cell_type == "code" else cell.source
    _, notes = mended(notebook)
    assert "there is no code of yours in the file" in notes[0]
    prose = new_notebook(cells=[new_markdown_cell("```python\nx = 1\n```")])
    assert "hand in that file" in mended(prose)[1][0]


# ---- parts


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "import os, sys\n\n\ndef f():\n    return '''\ntext\n'''\n\n# end",
        "@property\ndef f(): pass\n@a\n@b(1)\nclass B:\n    x = 1",
        "if x:\n    y\nelse:\n    z\n\ntry:\n    a\nexcept E:\n    b",
        "a = 1; b = 2; c = (\n3)\nd",
        "%pip install x\n!ls\nimport torch\nx = !ls\n\ndef f():\n    %time 1",
        "%%time\nx = 1\ny = 2",
        "def f(:\n    pass\n\ndef g():\n    return 1",
        "# only\n# comments",
    ],
)
def test_parts_make_the_cell_again(text):
    assert "\n".join(part.text for part in parts(text)) == text


def test_a_fault_costs_its_own_part():
    found = parts("def f(:\n    pass\n\ndef g():\n    return 1\n\nx = 1")
    assert [sorted(part.defines) for part in found] == [["f"], ["g"], []]


def test_alike():
    one, other = parts("x = f(a, b) + 1")[0], parts("x = f(a, c) + 1")[0]
    assert alike(one.words, one.words) == 1
    assert 0.7 < alike(one.words, other.words) < 1
