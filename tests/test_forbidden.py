"""Which tests a forbidden call fails; `byhand validate` tells students the same."""

import json

import nbformat
import pytest

from byhand import validate
from byhand.banned import Use, Written, read_cells
from byhand.cells import names
from grader.notebook.forbidden import forbidden
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


def faults(relu="def relu(x): return x", net="def net(x): return relu(x)", *own: str):
    """What is said of each test; more cells are the student's own, at the top."""
    texts = {"relu": relu, "net": net}
    cells = [Cell(None, True, source) for source in own]
    for cell in SHEET.cells:
        cells.append(Cell(cell.name, True, texts.get(cell.name, cell.source)))
    return {name: fault.words for name, fault in forbidden(cells, SHEET).items()}


def test_nothing_forbidden():
    assert faults() == {}


def test_a_test_is_about_what_it_uses_and_what_that_uses():
    words = "torch.relu is not allowed in this exercise: relu, line 1."
    assert faults("relu = torch.relu") == {"relu_test": words, "net_test": words}
    words = "torch.relu is not allowed in this exercise: net, line 2."
    assert faults(net="def net(x):\n    return torch.relu(x)") == {"net_test": words}


def test_it_is_about_cells_of_the_students_own_too():
    own = "def helper(x):\n    return F.relu(x)"
    words = "torch.nn.functional.relu is not allowed in this exercise: cell 1, line 2."
    # F is not imported yet where this cell stands
    assert faults("relu = helper", "net = 1", own) == {}
    own = f"import torch.nn.functional as F\n{own}"
    found = faults("relu = helper", "net = 1", own)
    assert found == {"relu_test": words.replace("line 2", "line 1").replace(
        "torch.nn.functional.relu", "torch.nn.functional")}  # fmt: skip


def test_what_no_test_is_about_may_be_tried():
    assert (
        faults("relu = 1", "net = 1", "import torch\ntorch.relu(torch.ones(1))") == {}
    )


def test_what_hides_fails_all_tests():
    words = (
        "relu, line 1: eval hides what your code calls, which is not allowed in a "
        "homework that forbids some calls."
    )
    assert faults("relu = eval('torch.relu')") == dict.fromkeys(
        ["relu_test", "net_test", "other_test"], words
    )


def test_text_and_tests_are_not_read():
    cells = [Cell(None, False, "eval"), Cell("relu_test", True, "eval('1')")]
    assert forbidden(cells, SHEET) == {}


def test_where_nothing_is_forbidden_nothing_hides():
    free = Sheet("hw", SHEET.cells)
    assert forbidden([Cell("relu", True, "eval('torch.relu')")], free) == {}


# `byhand validate` reads the same cells


def seen_by_validate(notebook: nbformat.NotebookNode) -> list[str]:
    report = validate.Report()
    path = ROOT / f"{notebook.metadata['byhand']['name']}.ipynb"
    validate._look(notebook, path, report)
    return report.forbidden


def place_of(words: str) -> str:
    """The use that a fault of the grader's is about, as `byhand validate` writes it."""
    if "hides what your code calls" in words:
        label, line, name = words.split(" hides")[0].replace(",", ":").split(": ", 2)
        return f"{name} ({label}, {line})"
    name, place = words.removesuffix(".").split(" is not allowed in this exercise: ")
    return f"{name} ({place})"


@pytest.mark.parametrize("attack", FORBIDDEN, ids=lambda attack: attack.name)
def test_attacks_on_forbidden_calls(attack):
    path = ROOT / "assignments" / HW / f"{HW}.ipynb"
    released = json.loads(path.read_text("utf8"))
    content = json.dumps(attack.notebook(released, course="/c", root="/r", port=9))
    seen = seen_by_validate(nbformat.reads(content, 4))
    notebook = read(content.encode())
    repair(notebook, sheet_of(HW))
    acted_upon = forbidden(cells_of(notebook), sheet_of(HW))
    places = {place_of(fault.words) for fault in acted_upon.values()}
    assert places <= set(seen)
    assert bool(places) == bool(seen)


@pytest.mark.parametrize("name", ["hw1_backprop", "hw2_cnn", "hw3_training"])
def test_wrong_and_right_solutions(name):
    """None that a homework's table knows is forbidden; with a forbidden call, each is."""
    whole, homework = sheet_of(name), Homework(name)
    path = ROOT / "assignments" / name / f"{name}.ipynb"
    released = nbformat.read(path, 4)
    cells = {cell.id: cell for cell in released.cells}
    call = next(pattern for pattern in whole.banned if pattern.startswith("torch."))
    setup = [cells[cell.name] for cell in whole.cells if cell.kind == "given"]

    def fate(entry, source: str) -> list[str]:
        """What both say of the homework with nothing but this in it."""
        uses = ", ".join(sorted(names(source)[1]))
        test = SheetCell("all_test", "test", "code", uses, "", True)
        sheet = Sheet(name, (*whole.cells, test), whole.banned)
        cell = nbformat.from_dict(cells[entry.cell] | {"source": source})
        notebook = nbformat.from_dict(released | {"cells": [*setup, cell]})
        seen = seen_by_validate(notebook)
        faults = forbidden(cells_of(notebook), sheet)
        acted_upon = [place_of(f.words) for n, f in faults.items() if n == "all_test"]
        assert acted_upon == seen[:1]
        return seen

    for n, entry in enumerate((*TABLES[name].WRONG, *TABLES[name].RIGHT)):
        source = homework.edited(entry.cell, entry.code)
        assert fate(entry, source) == [], entry
        if n % 10 == 0:
            lines = f"{source.rstrip()}\nx = {call}.f()"
            place = f"({entry.cell}, line {len(lines.splitlines())})"
            assert fate(entry, lines) == [f"{call}.f {place}"]
