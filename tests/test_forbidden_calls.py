"""Forbidden calls earn nothing in the exercise about them, and cost nothing elsewhere."""

import csv
import json

import nbformat
import pytest

from tests.cheats import CHEATS
from tests.support import copy_of_the_project as project
from tests.support.solutions import ROOT, Homework

pytestmark = pytest.mark.slow
HW = "hw1_backprop"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The course folder in which all of them have been graded, and what was printed."""
    folder = tmp_path_factory.mktemp("cheats")
    homework = Homework(HW)
    released = (ROOT / "assignments" / HW / f"{HW}.ipynb").read_text("utf8")
    course = folder / "course"
    for cheat in CHEATS:
        notebook = nbformat.reads(released, 4)
        solved = {c.name: c.source for c in homework.cells if c.kind == "solution"}
        for cell in notebook.cells:
            cell.source = solved.get(cell.id, cell.source)
            if cell.id == cheat.cell:
                cell.source = cheat.code
        if cheat.setup:
            at = [cell.id for cell in notebook.cells].index("setup") + 1
            extra = nbformat.v4.new_code_cell(cheat.setup, id="of-my-own")
            notebook.cells.insert(at, extra)
        project.hand_in(course, HW, cheat.name, nbformat.writes(notebook))
    result = project.grader(ROOT, course, "grade", HW)
    return course, result


def marks(course, student: str) -> dict[str, float]:
    """What each test has earned, by the graded notebook."""
    path = course / "autograded" / student / HW / f"{HW}.ipynb"
    found = {}
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        entry = cell["metadata"].get("nbgrader", {})
        if entry.get("grade"):
            failed = any(o["output_type"] == "error" for o in cell["outputs"])
            found[entry["grade_id"]] = 0 if failed else entry["points"]
    return found


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_it_earns_nothing_where_it_is_forbidden(graded, cheat):
    course, result = graded
    assert result.returncode == 0, result.stdout + result.stderr
    found = marks(course, cheat.name)
    earned = {test for test, points in found.items() if points}
    about = {test for test in cheat.tests if test.startswith(_topic(cheat))}
    assert about and not about & earned, earned
    # and all that has nothing to do with it is paid
    assert earned >= set(found) - set(cheat.tests), set(found) - earned


def _topic(cheat) -> tuple[str, ...]:
    """The tests that are about the cell itself, and not about what uses it."""
    return {
        "relu": ("relu_test",),
        "sigmoid": ("sigmoid_test",),
        "cross_entropy_forward": ("cross_entropy_forward_test", "loss_more_test"),
        "linear_backward": ("linear_backward_test",),
    }[cheat.cell]


def test_the_course_is_counted(graded):
    course, _ = graded
    with open(course / "grades.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(CHEATS) >= 80
