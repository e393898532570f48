"""What reading finds of forbidden calls: a hint, the same in `byhand validate`."""

import json
import re

import nbformat
import pytest

from byhand import validate
from byhand.banned import Use, Written, read_cells
from grader.notebook.forbidden import hints, look
from grader.notebook.reading import cells_of, read
from grader.notebook.repair import repair
from grader.notebook.sheet import Cell, Sheet, SheetCell
from tests.attacks import FORBIDDEN
from tests.support.sheets import sheet_of
from tests.support.solutions import ROOT, Homework
from tests.support.submissions import HW
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


def sheet(**sources: str) -> Sheet:
    """A homework of these cells; what ends in _test is one."""
    cells = []
    for name, source in sources.items():
        test = name.endswith("_test")
        kind = "given" if name == "setup" else "test" if test else "solution"
        cells.append(SheetCell(name, kind, "code", source, "", kind != "solution"))
    return Sheet("hw", tuple(cells), BANNED)


SHEET = sheet(
    setup="import torch, torch.nn.functional as F",
    relu="def relu(x): ...",
    relu_test="assert relu(0) == 0",
    net="def net(x): ...",
    net_test="assert net(0) == 0",
    other_test="import math\nassert math.pi > 3",
)


def hinted(relu="def relu(x): return x", net="def net(x): return relu(x)", *own: str):
    """What is worth a look; more cells are the student's own, at the top."""
    texts = {"relu": relu, "net": net}
    cells = [Cell(None, True, source) for source in own]
    for cell in SHEET.cells:
        cells.append(Cell(cell.name, True, texts.get(cell.name, cell.source)))
    return hints(cells, SHEET)


def test_nothing_forbidden():
    assert hinted() == []


def test_where_and_what():
    assert hinted("relu = torch.relu", "net = 1") == [
        "worth a look: relu, line 1: torch.relu"
    ]
    own = "import torch.nn.functional as F\ndef helper(x):\n    return F.relu(x)"
    assert hinted("relu = 1", "net = 1", own) == [
        "worth a look: cell 1, line 1: torch.nn.functional",
        "worth a look: cell 1, line 3: torch.nn.functional.relu",
    ]


def test_a_name_that_hides():
    said = ["worth a look: relu, line 1: eval"]
    assert hinted("relu = eval('torch.relu')") == said


def test_not_too_many():
    said = hinted("\n".join(["torch.relu"] * 100))
    assert len(said) == 5 and said[-1] == "worth a look: and 96 more"


def test_text_tests_and_what_was_given_are_not_read():
    cells = [Cell(None, False, "eval"), Cell("relu_test", True, "eval('1')")]
    cells += [Cell("setup", True, SHEET["setup"].source)]
    assert hints(cells, SHEET) == []


def test_where_nothing_is_forbidden_nothing_is_hinted():
    free = Sheet("hw", SHEET.cells)
    assert hints([Cell("relu", True, "eval('torch.relu')")], free) == []


# `byhand validate` reads the same cells


def seen_by_validate(notebook: nbformat.NotebookNode) -> list[str]:
    report = validate.Report()
    path = ROOT / f"{notebook.metadata['byhand']['name']}.ipynb"
    validate._look(notebook, path, report)
    # it says how a cell begins that has no name
    return [
        re.sub(r" \((cell \d+) \(.*\), line", r" (\1, line", w)
        for w in report.forbidden
    ]


def as_validate_says(found: list[str]) -> list[str]:
    """Places and names, as `byhand validate` writes them."""
    parts = [words.split(": ", 1) for words in found]
    return [f"{name} ({place})" for place, name in parts]


@pytest.mark.parametrize("attack", FORBIDDEN, ids=lambda attack: attack.name)
def test_attacks_on_forbidden_calls(attack):
    path = ROOT / "assignments" / HW / f"{HW}.ipynb"
    released = json.loads(path.read_text("utf8"))
    content = json.dumps(attack.notebook(released, course="/c", root="/r", port=9))
    seen = seen_by_validate(nbformat.reads(content, 4))
    notebook = read(content.encode())
    repair(notebook, sheet_of(HW))
    assert as_validate_says(look(cells_of(notebook), sheet_of(HW))) == seen


@pytest.mark.parametrize("name", ["hw1_backprop", "hw2_cnn", "hw3_training"])
def test_wrong_and_right_solutions(name):
    """In none that a homework's table knows is a forbidden name; a call is found in each."""
    whole, homework = sheet_of(name), Homework(name)
    path = ROOT / "assignments" / name / f"{name}.ipynb"
    released = nbformat.read(path, 4)
    cells = {cell.id: cell for cell in released.cells}
    call = next(pattern for pattern in whole.banned if pattern.startswith("torch."))
    setup = [cells[cell.name] for cell in whole.cells if cell.kind == "given"]

    def fate(entry, source: str) -> list[str]:
        """What both say of the homework with nothing but this in it."""
        cell = nbformat.from_dict(cells[entry.cell] | {"source": source})
        notebook = nbformat.from_dict(released | {"cells": [*setup, cell]})
        seen = seen_by_validate(notebook)
        assert as_validate_says(look(cells_of(notebook), whole)) == seen
        return seen

    for n, entry in enumerate((*TABLES[name].WRONG, *TABLES[name].RIGHT)):
        source = homework.edited(entry.cell, entry.code)
        assert fate(entry, source) == [], entry
        if n % 10 == 0:
            lines = f"{source.rstrip()}\nx = {call}.f()"
            place = f"({entry.cell}, line {len(lines.splitlines())})"
            assert fate(entry, lines) == [f"{call}.f {place}"]
