"""Forbidden calls earn nothing in the exercise about them, and cost nothing elsewhere."""

import json

import nbformat
import pytest

from tests.cheats import CHEATS
from tests.support.course_folder import hand_in, rows
from tests.support.submissions import HW, reference, released


@pytest.fixture(scope="module")
def graded(forked_grader, tmp_path_factory):
    """The course folder in which all of them have been graded, and what was printed."""
    course = tmp_path_factory.mktemp("cheats") / "course"
    for cheat in CHEATS:
        notebook, solved = released(), reference() | {cheat.cell: cheat.code}
        for cell in notebook.cells:
            cell.source = solved.get(cell.id, cell.source)
        if cheat.setup:
            at = [cell.id for cell in notebook.cells].index("setup") + 1
            extra = nbformat.v4.new_code_cell(cheat.setup, id="of-my-own")
            notebook.cells.insert(at, extra)
        hand_in(course, HW, cheat.name, nbformat.writes(notebook))
    offline = {"BYHAND_OFFLINE": "1", "BYHAND_DATA": None}
    return course, forked_grader(course, "grade", HW, env=offline)


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
    assert result.returncode == 0, result.said
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
    assert len(rows(course)) == len(CHEATS) >= 80
