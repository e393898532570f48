"""Each homework's tests catch the mistakes that students make, and nothing else."""

import importlib
import pkgutil
import re
from functools import cache

import pytest
import torch

from tests import homeworks
from tests.support.solutions import Homework

NAMES = [module.name for module in pkgutil.iter_modules(homeworks.__path__)]
TABLES = {n: importlib.import_module(f"tests.homeworks.{n}") for n in NAMES}
WRONG = [(name, w) for name in NAMES for w in TABLES[name].WRONG]
RIGHT = [(name, r) for name in NAMES for r in TABLES[name].RIGHT]


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
        torch.manual_seed(n)
        failed = failures(homework(name).grade(skip=TABLES[name].SLOW))
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


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=label)
def test_wrong_solution(name, wrong):
    hw = homework(name)
    order = hw.tests.index(wrong.test)
    depends = hw.dependents(wrong.cell)
    # what follows from the mistake is not looked at; what has nothing to do with it is
    skip = {test for test in hw.tests[order + 1 :] if test in depends}
    skip |= TABLES[name].SLOW - {wrong.test}
    results = hw.grade({wrong.cell: hw.edited(wrong.cell, wrong.code)}, skip)
    failed = failures(results)
    assert wrong.test in depends
    assert failed, "it passes"
    assert list(failed) == [wrong.test]
    error = failed[wrong.test]
    assert re.search(wrong.says, f"{type(error).__name__}: {error}"), error


@pytest.mark.parametrize(("name", "right"), RIGHT, ids=label)
def test_right_solution(name, right):
    hw = homework(name)
    code = {right.cell: hw.edited(right.cell, right.code)}
    assert not failures(hw.grade(code, TABLES[name].SLOW))


@pytest.mark.parametrize("name", NAMES)
def test_right_solutions_together(name):
    """Whole submissions in other styles: the first of every cell, the second, …"""
    hw, rights = homework(name), TABLES[name].RIGHT
    styles = {cell: [r for r in rights if r.cell == cell] for cell in hw.solutions}
    for k in range(max(map(len, styles.values()))):
        code = {
            cell: hw.edited(cell, found[k % len(found)].code)
            for cell, found in styles.items()
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
