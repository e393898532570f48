"""A homework without tests: people mark it, and nothing in it is run."""

import base64

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook

from grader.course.course import Course
from grader.grade import grade
from grader.records.exports import export
from tests.support.course_folder import marks
from tests.support.solutions import ROOT

HW = "project"
RELEASED = ROOT / "assignments" / HW / f"{HW}.ipynb"
PARTS = {
    "proposal": 10,
    "question": 10,
    "method": 20,
    "experiments": 20,
    "failures": 15,
    "writing": 15,
    "reproducibility": 10,
}
EMPTY = "YOUR ANSWER HERE"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n picture").decode()


def filled() -> nbformat.NotebookNode:
    """All parts but one are written, and a figure is in a cell of the student's own."""
    notebook = nbformat.read(RELEASED, 4)
    for cell in notebook.cells:
        if cell.id in PARTS and cell.id != "failures":
            cell.source = cell.source.replace(EMPTY, f"My {cell.id}.")
    place = [cell.id for cell in notebook.cells].index("experiments")
    own = new_code_cell("train_for_a_week('/my/own/data')", id="figure")
    script = {"text/html": "<script>1</script>", "text/plain": "<Figure>"}
    own.outputs = [
        new_output("stream", name="stdout", text="epoch 1\n"),
        new_output("display_data", data=script | {"image/png": PNG}),
        new_output("error", ename="KeyboardInterrupt", evalue="", traceback=["x"]),
    ]
    notebook.cells.insert(place + 1, own)
    return notebook


@pytest.fixture(scope="module")
def graded(forked_grader, tmp_path_factory):
    course = tmp_path_factory.mktemp("private") / "course"
    folder = tmp_path_factory.mktemp("handed-in")
    for student, notebook in {
        "ada": filled(),
        "bela": nbformat.read(RELEASED, 4),
    }.items():
        nbformat.write(notebook, folder / f"{student}.ipynb")
    return course, forked_grader(course, "grade", HW, "--from", folder)


def recorded(course) -> dict:
    """By student and cell: points, points by hand, whether it waits, the comment."""
    found = {}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student in ("ada", "bela"):
            notebook = gradebook.find_submission_notebook(HW, HW, student)
            said = {comment.name: comment.comment for comment in notebook.comments}
            for g in notebook.grades:
                found[student, g.name] = (
                    *(g.score, g.max_score, g.needs_manual_grade),
                    said[g.name],
                )
    return found


def test_what_is_written_waits_for_a_person(graded):
    course, result = graded
    assert result.returncode == 0, result.stderr
    assert "2 of 2 graded" in result.stdout
    assert "ada                      0 of 100; 7 parts are marked by hand" in (
        result.stdout
    )
    found = recorded(course)
    assert {name for _, name in found} == set(PARTS)
    for name, points in PARTS.items():
        if name == "failures":
            continue
        assert found["ada", name] == (0, points, True, None)


def test_what_is_untouched_is_worth_nothing(graded):
    course, _ = graded
    found = recorded(course)
    untouched = [("bela", name) for name in PARTS] + [("ada", "failures")]
    for student, name in untouched:
        assert found[student, name] == (0, PARTS[name], False, "No response.")


def test_nothing_is_run_and_outputs_are_kept(graded):
    course, _ = graded
    path = course / "autograded" / "ada" / HW / f"{HW}.ipynb"
    notebook = nbformat.read(path, 4)
    (own,) = [c for c in notebook.cells if c.source.startswith("train_for_a_week")]
    stream, picture, error = own.outputs
    assert stream.text == "epoch 1\n"
    assert picture.data == {"text/plain": "<Figure>", "image/png": PNG}
    assert (error.name, error.text) == ("stderr", "KeyboardInterrupt: \n")
    assert "nothing was run" in notebook.cells[0].source
    page = (course / "feedback" / "ada" / HW / f"{HW}.html").read_text("utf8")
    assert PNG in page and "My experiments." in page
    assert "For the marker" not in page


def test_points_by_hand_count_and_stay(graded):
    """A person marks; a new figure is handed in, and graded again."""
    course, _ = graded
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for name, points in PARTS.items():
            mark = gradebook.find_grade(name, HW, HW, "ada")
            mark.manual_score, mark.needs_manual_grade = points - 3, False
        gradebook.db.commit()
    export(Course(course))
    assert marks(course, HW) == {"ada": 100 - 3 * len(PARTS), "bela": 0}

    path = course / "submitted" / "ada" / HW / f"{HW}.ipynb"
    notebook = nbformat.read(path, 4)
    (own,) = [c for c in notebook.cells if c.id == "figure"]
    own.outputs[0].text = "epoch 2\n"
    nbformat.write(notebook, path)
    assert [outcome.ok for outcome in grade(Course(course), HW)] == [True, True]
    assert "epoch 2" in (course / "autograded" / "ada" / HW / path.name).read_text()
    found = recorded(course)
    for name, points in PARTS.items():  # kept, and marked for a second look
        assert found["ada", name][:3] == (points - 3, points, True)
