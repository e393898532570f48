"""Forbidden calls earn nothing in the exercise about them, and cost nothing elsewhere."""

import json

import nbformat
import pytest

from tests.cheats import CHEATS
from tests.support.course_folder import hand_in
from tests.support.solutions import ROOT, Homework

pytestmark = pytest.mark.slow
HOMEWORKS = sorted({cheat.homework for cheat in CHEATS})
# A cell that uses what tests forbid, as it may: the room is one in which that is allowed.
# Without it, nothing forbidden works in any cell.
OPEN = "import torch\n\nprint(torch.nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).relu())"
ROOMS = {"open": OPEN, "strict": ""}


@pytest.fixture(scope="module")
def graded(forked_grader, tmp_path_factory):
    """The course folder in which all of them have been graded, and what was printed."""
    course = tmp_path_factory.mktemp("cheats") / "course"
    return course, [grade(name, course, forked_grader) for name in HOMEWORKS]


def grade(name: str, course, run):
    released = (ROOT / "assignments" / name / f"{name}.ipynb").read_text("utf8")
    for cheat in CHEATS:
        if cheat.homework != name:
            continue
        for room in ROOMS:
            hand_in(
                course, name, f"{cheat.name}-{room}", written(cheat, room, released)
            )
    return run(course, "grade", name)


def written(cheat, room, released) -> str:
    """The notebook of who tries it."""
    notebook = nbformat.reads(released, 4)
    cells = Homework(cheat.homework).cells
    solved = {c.name: c.source for c in cells if c.kind == "solution"}
    del solved["train"]  # which takes its time
    for cell in notebook.cells:
        cell.source = solved.get(cell.id, cell.source)
        if cell.id == cheat.cell:
            cell.source = cheat.code
    at = [cell.id for cell in notebook.cells].index("setup") + 1
    for source in filter(None, (cheat.setup, ROOMS[room])):
        extra = nbformat.v4.new_code_cell(source, id=f"of-my-own-{len(source)}")
        notebook.cells.insert(at, extra)
    return nbformat.writes(notebook)


def earned_by(course, cheat, room) -> dict[str, float]:
    """What each test has earned, by the graded notebook."""
    path = course / "autograded" / f"{cheat.name}-{room}" / cheat.homework
    path /= f"{cheat.homework}.ipynb"
    found = {}
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        entry = cell["metadata"].get("nbgrader", {})
        if entry.get("grade"):
            failed = any(o["output_type"] == "error" for o in cell["outputs"])
            found[entry["grade_id"]] = 0 if failed else entry["points"]
    return found


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_it_earns_nothing_where_it_is_forbidden(graded, cheat, room):
    course, runs = graded
    assert all(run.returncode == 0 for run in runs), [run.said for run in runs]
    found = earned_by(course, cheat, room)
    earned = {test for test, points in found.items() if points}
    about = {test for test in cheat.tests if test.startswith(_topic(cheat))}
    assert about and not about & earned, earned
    # and all that has nothing to do with it is paid
    about_others = (*cheat.tests, "train_steps_test", "accuracy_test")
    others = {test for test in found if not test.startswith(about_others)}
    assert cheat.hides or earned >= others, others - earned


def _topic(cheat) -> tuple[str, ...]:
    """The tests that are about the cell itself, and not about what uses it."""
    return {
        "relu": ("relu_test",),
        "sigmoid": ("sigmoid_test",),
        "cross_entropy_forward": ("cross_entropy_forward_test", "loss_more_test"),
        "linear_backward": ("linear_backward_test",),
        "conv2d_forward": ("conv2d_forward_test",),
        "max_pool": ("max_pool_forward_test",),
    }[cheat.cell]


def test_the_course_is_counted(graded):
    course, _ = graded
    assert len(list(course.glob("autograded/*/*"))) == len(CHEATS) * len(ROOMS) >= 160
