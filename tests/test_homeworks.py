"""Each homework's tests catch the mistakes that students make, and nothing else."""

import re
from functools import cache

import pytest
import torch

from tests.support.solutions import Homework
from tests.support.tables import NAMES, TABLES

WRONG = [(name, w) for name in NAMES for w in TABLES[name].WRONG]
RIGHT = [(name, r) for name in NAMES for r in TABLES[name].RIGHT]
CELLS = list(dict.fromkeys((name, w.cell) for name, w in WRONG))
# one of each homework is graded by all tests, as if nothing were known of any
SAMPLE = [TABLES[name].WRONG[0] for name in NAMES]


@cache
def homework(name: str) -> Homework:
    return Homework(name)


def label(value) -> str | None:
    if isinstance(value, str):
        return value
    words = getattr(value, "mistake", None) or getattr(value, "style", "")
    return f"{value.cell}: {words}"


def failures(results: dict) -> dict:
    return {test: error for test, error in results.items() if error}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", [False, True], ids=["one room", "two rooms"])
def test_reference(name, door):
    results = homework(name).grade(door=door)
    assert list(results) == homework(name).tests
    assert not failures(results)


@pytest.mark.parametrize("name", NAMES)
def test_no_student_has_bad_luck(name, monkeypatch):
    """Tests draw other numbers for each student: a right solution passes with all."""
    for n in range(25):
        monkeypatch.setenv("BYHAND_SEED", f"{name}/student {n}")
        failed = failures(homework(name).grade(skip=TABLES[name].SLOW, seed=n))
        assert not failed, f"student {n}"


@pytest.mark.parametrize("name", NAMES)
def test_empty_solutions_earn_nothing(name):
    """Every test needs the work of the student: none passes without."""
    hw = homework(name)
    stubs = {}
    for cell in hw.cells:
        if cell.kind == "solution":
            stubs[cell.name] = re.sub(
                r"### BEGIN SOLUTION.*?### END SOLUTION",
                "raise NotImplementedError",
                cell.source,
                flags=re.S,
            )
    assert list(failures(hw.grade(stubs))) == hw.tests


@pytest.mark.parametrize(("name", "cell"), CELLS)
def test_what_a_cell_decides(name, cell):
    """Without a cell, tests that may use it fail, and no others.

    Those before it meet the same as ever.
    """
    hw = homework(name)
    depends = hw.dependents(cell)
    skip = hw.before(cell) | (TABLES[name].SLOW - depends)
    failed = failures(hw.grade({cell: ""}, skip))
    assert failed and set(failed) <= depends


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=label)
def test_wrong_solution(name, wrong):
    hw = homework(name)
    source = hw.edited(wrong.cell, wrong.code)
    order = hw.tests.index(wrong.test)
    depends = hw.dependents(wrong.cell)
    # what follows from the mistake is not looked at
    skip = {test for test in hw.tests[order + 1 :] if test in depends}
    skip |= TABLES[name].SLOW - {wrong.test}
    if wrong not in SAMPLE:
        skip |= hw.untouched(wrong.cell, source)
    results = hw.grade({wrong.cell: source}, skip)
    failed = failures(results)
    assert wrong.test in depends
    assert failed, "it passes"
    assert list(failed) == [wrong.test]
    error = failed[wrong.test]
    assert re.search(wrong.says, f"{type(error).__name__}: {error}"), error


@pytest.mark.parametrize(("name", "right"), RIGHT, ids=label)
def test_right_solution(name, right):
    hw = homework(name)
    source = hw.edited(right.cell, right.code)
    skip = TABLES[name].SLOW | hw.untouched(right.cell, source)
    assert not failures(hw.grade({right.cell: source}, skip))


@pytest.mark.parametrize(
    "source",
    [
        "def mix(A, V, W):\n    return A\n\n\ntorch.set_default_dtype(torch.float64)",
        "def mix(A, V, W, seed=torch.manual_seed(0)):\n    return A",
        "@torch.no_grad()\ndef mix(A, V, W):\n    return A",
        "class mix(patches(torch.ones(1, 1, 1, 1))):\n    pass",
        "def mix(A, V, W):\n    return A\n\n\ndef patches(X, size):\n    return X",
        "from math import prod as patches",
        "mix = [].append",
        "%time 1",
        "def",
    ],
)
def test_no_test_is_left_out_where_a_solution_does_more(source):
    hw = homework("hw0_tensors")
    others = set(hw.tests) - hw.dependents("mix")
    assert hw.untouched("mix", "def mix(A, V, W):\n    return A") == others
    assert not hw.untouched("mix", source)


@pytest.mark.parametrize(
    "change",
    ["torch.set_default_dtype(torch.float64)", "torch.set_grad_enabled(False)"],
)
def test_no_solution_changes_what_all_tests_share(change):
    hw = homework("hw0_tensors")
    source = (
        f"def distances(X, Z):\n    {change}\n    return (X[:, None] - Z).abs().sum(2)"
    )
    with pytest.raises(AssertionError, match="distances_test leaves"):
        hw.grade({"distances": source})
    assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_right_solutions_together(name):
    """Whole submissions in other styles, a different one in each cell."""
    hw, rights = homework(name), TABLES[name].RIGHT
    styles = {cell: [r for r in rights if r.cell == cell] for cell in hw.solutions}
    for k in range(max(map(len, styles.values()))):
        code = {
            cell: hw.edited(cell, found[(k + place) % len(found)].code)
            for place, (cell, found) in enumerate(styles.items())
        }
        assert not failures(hw.grade(code))


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_complete(name):
    hw = homework(name)
    for cell in hw.solutions:
        assert sum(w.cell == cell for w in TABLES[name].WRONG) >= 5, cell
        assert sum(r.cell == cell for r in TABLES[name].RIGHT) >= 2, cell
    # every test is needed: some mistake is caught by it first
    assert {w.test for w in TABLES[name].WRONG} == set(hw.tests)
