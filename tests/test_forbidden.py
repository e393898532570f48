"""What looks forbidden in a cell; `byhand validate` tells students what graders see."""

import json

import nbformat
import pytest

from byhand import validate
from byhand.banned import Use, Written, read_cells
from grader.notebook import forbidden
from grader.notebook.forbidden import hints
from grader.notebook.reading import cells_of, read
from grader.notebook.repair import repair
from grader.notebook.sheet import Cell, Sheet, SheetCell
from tests.attacks import FORBIDDEN
from tests.support.sheets import sheet_of
from tests.support.solutions import ROOT, Homework
from tests.support.submissions import HW, RELEASED
from tests.support.tables import TABLES

BANNED = ("torch.nn", "torch.relu", ".backward")


def found(*sources: str, given: tuple[int, ...] = (), doubt: bool = False):
    written = [Written(f"cell {n}", s, n in given) for n, s in enumerate(sources)]
    return read_cells(written, BANNED, doubt)


def test_what_reading_finds():
    (cell,) = found("import torch\n\ndef f(x):\n    return torch.relu(x) + g(x)")
    assert cell.label == "cell 0"
    assert cell.binds == {"torch", "f"} and cell.uses == {"g"}
    assert cell.forbidden == (Use("torch.relu", 4),)
    assert cell.hides == cell.doubtful == ()


def test_imports_of_one_cell_count_in_the_next():
    first, second = found("from torch import nn as n", "y = n.Linear(1, 2)")
    assert first.forbidden == (Use("torch.nn", 1),)
    assert second.forbidden == (Use("torch.nn.Linear", 1),)


def test_in_given_cells_nothing_is_forbidden_nor_hidden():
    first, second = found("import torch.nn as n\neval('1')", "n.Linear", given=(0,))
    assert first.forbidden == first.hides == ()
    assert second.forbidden == (Use("torch.nn.Linear", 1),)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("eval('x')", "eval"),
        ("x.__dict__", ".__dict__"),
        ("%run helper.py", "%run"),
        ("x = " + "-" * 100_000 + "1", "what cannot be read"),
        ("%time 1\n" * 3_000, "what cannot be read"),
    ],
)
def test_what_hides(source, name):
    (cell,) = found(source)
    assert [use.name for use in cell.hides] == [name]


def test_what_is_no_python_neither_calls_nor_hides():
    (cell,) = found("def (:\n    torch.relu(x)")
    assert cell.forbidden == cell.hides == () and cell.binds == set()


def test_methods_that_may_be_of_tensors_are_doubtful():
    written = [Written("cell", "import torch\ny = x.relu()\nz = torch.Tensor.relu(x)")]
    (cell,) = read_cells(written, ["torch.Tensor.relu"], doubt=True)
    assert cell.doubtful == (Use(".relu", 2),)
    assert cell.forbidden == (Use("torch.Tensor.relu", 3),)
    (cell,) = read_cells(written, ["torch.Tensor.relu"])
    assert cell.doubtful == ()


SETUP = SheetCell("setup", "given", "code", "import torch\neval('1')", "", True)
RELU = SheetCell("relu", "solution", "code", "def relu(x): ...", "", False)
TEST = SheetCell("relu_test", "test", "code", "eval('relu(0)')", "", True, 1)
SHEET = Sheet("hw", (SETUP, RELU, TEST), BANNED)


def said(relu: str, *own: str, setup: str = SETUP.source) -> list[str]:
    """The hints on a solution; more cells are the student's own, after it."""
    texts = {"setup": setup, "relu": relu, "relu_test": TEST.source}
    cells = [Cell(name, True, source) for name, source in texts.items()]
    cells += [Cell(None, True, source) for source in own]
    return hints([*cells, Cell(None, False, "eval")], SHEET)


def test_what_is_worth_a_look():
    assert said("def relu(x):\n    return x.clamp(min=0)") == []
    assert said("def relu(x):\n    return torch.relu(x)") == [
        "worth a look: relu, line 2: torch.relu"
    ]
    assert said("x = 1", "y = 2", "eval('torch.relu')") == [
        "worth a look: cell 5, line 1: eval"
    ]


def test_given_cells_are_not_read_unless_they_were_changed():
    assert said("relu = 1") == []
    changed = f"{SETUP.source}\nf = torch.nn.Linear"
    assert "worth a look: setup, line 3: torch.nn.Linear" in said(
        "x = 1", setup=changed
    )


def test_many_are_summed_up():
    lines = "\n".join(["torch.relu(x)"] * 9)
    found = said(lines)
    assert len(found) == forbidden.MOST
    assert found[-1] == "worth a look: and 5 more"


def test_where_nothing_is_forbidden_nothing_is_worth_a_look():
    free = Sheet("hw", SHEET.cells)
    assert hints([Cell("relu", True, "eval('torch.relu')")], free) == []


# `byhand validate` reads the same cells


def seen_by_validate(notebook: nbformat.NotebookNode) -> list[str]:
    report = validate.Report()
    path = ROOT / f"{notebook.metadata['byhand']['name']}.ipynb"
    validate._look(notebook, path, report)
    return report.forbidden


def as_validate_says(hint: str) -> str:
    place, name = hint.removeprefix("worth a look: ").split(": ", 1)
    return f"{name} ({place})"


@pytest.fixture
def all_hints(monkeypatch):
    monkeypatch.setattr(forbidden, "MOST", 1000)


@pytest.mark.parametrize("attack", FORBIDDEN, ids=lambda attack: attack.name)
def test_attacks_on_forbidden_calls(attack, all_hints):
    released = json.loads(RELEASED.read_text("utf8"))
    content = json.dumps(attack.notebook(released, course="/c", root="/r", port=9))
    notebook = read(content.encode())
    repair(notebook, sheet_of(HW))
    found = hints(cells_of(notebook), sheet_of(HW))
    seen = seen_by_validate(nbformat.reads(content, 4))
    assert [as_validate_says(hint) for hint in found] == seen
    assert bool(seen) != (attack.name in ("call-planted", "call-shell"))


@pytest.mark.parametrize("name", ["hw1_backprop", "hw2_cnn", "hw3_training"])
def test_wrong_and_right_solutions(name, all_hints):
    """None that a homework's table knows is worth a look; with a forbidden call, each."""
    sheet, homework = sheet_of(name), Homework(name)
    path = ROOT / "assignments" / name / f"{name}.ipynb"
    released = nbformat.read(path, 4)
    cells = {cell.id: cell for cell in released.cells}
    setup = [cells[cell.name] for cell in sheet.cells if cell.kind == "given"]
    call = next(pattern for pattern in sheet.banned if pattern.startswith("torch."))

    def seen(entry, source: str) -> list[str]:
        """What both say of the homework with nothing but this in it."""
        cell = nbformat.from_dict(cells[entry.cell] | {"source": source})
        notebook = nbformat.from_dict(released | {"cells": [*setup, cell]})
        found = hints(cells_of(notebook), sheet)
        by_validate = seen_by_validate(notebook)
        assert [as_validate_says(hint) for hint in found] == by_validate
        return by_validate

    for n, entry in enumerate((*TABLES[name].WRONG, *TABLES[name].RIGHT)):
        source = homework.edited(entry.cell, entry.code)
        assert seen(entry, source) == [], entry
        if n % 10 == 0:
            lines = f"{source.rstrip()}\nx = {call}.f()"
            place = f"({entry.cell}, line {len(lines.splitlines())})"
            assert seen(entry, lines) == [f"{call}.f {place}"]
