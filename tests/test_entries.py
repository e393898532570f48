"""Kinds of cells that the course's own homeworks do not have."""

from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook

from tests.support import copy_of_the_project as project
from tests.support.course_folder import hand_in
from tests.support.runs import grader

NONE = {"grade": False, "solution": False, "locked": False, "task": False}
TASK = NONE | {"grade_id": "drawing", "task": True, "locked": True, "points": 4}


def with_entry(folder, entry):
    """A copy of the project whose tiny homework has one more cell."""
    copy = project.make(folder / "project", {})
    path = copy / "solutions" / project.TINY / f"{project.TINY}.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells.append(
        new_markdown_cell("Draw it.", id="drawing", metadata={"nbgrader": entry})
    )
    nbformat.write(notebook, path)
    return copy, nbformat.writes(notebook)


def test_a_task_waits_for_a_person(tmp_path):
    copy, content = with_entry(tmp_path, TASK | {"schema_version": 3})
    course = tmp_path / "course"
    hand_in(course, project.TINY, "ada", content)
    result = grader(course, "grade", project.TINY, cwd=copy, env=project.environment())
    assert result.returncode == 0, result.stderr
    assert "6 of 10; 1 parts are marked by hand" in result.stdout
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("drawing", project.TINY, project.TINY, "ada")
        assert grade.needs_manual_grade and grade.auto_score is None


def test_a_new_cell_after_work_was_handed_in(tmp_path):
    """nbgrader does not allow it; what can be done is said."""
    copy, content = with_entry(tmp_path, {})
    course, env = tmp_path / "course", project.environment()
    path = copy / "solutions" / project.TINY / f"{project.TINY}.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader") != {}]
    nbformat.write(notebook, path)
    hand_in(course, project.TINY, "ada", content)
    assert grader(course, "grade", project.TINY, cwd=copy, env=env).returncode == 0
    test = next(c for c in notebook.cells if c.id == "halve_test")
    other = deepcopy(test)
    other.id = "another_test"
    other.metadata.nbgrader.grade_id = "another_test"
    notebook.cells.append(other)
    nbformat.write(notebook, path)
    for command in ("release", "grade"):
        result = grader(course, command, project.TINY, cwd=copy, env=env)
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert "put them back as they were" in result.stderr, result.stderr


@pytest.mark.parametrize("entry", [{}, {"schema_version": 3}, {"grade": True}])
def test_an_entry_without_a_name_is_named(tmp_path, entry):
    copy, _ = with_entry(tmp_path, entry)
    result = grader(
        tmp_path / "course",
        "release",
        project.TINY,
        cwd=copy,
        env=project.environment(),
    )
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert (
        "tiny, cell 8 (Draw it.): its nbgrader entry has no grade_id" in result.stderr
    )


def test_what_is_left_of_an_entry_does_no_harm(tmp_path):
    copy, _ = with_entry(tmp_path, NONE | {"schema_version": 3})
    result = grader(
        tmp_path / "course",
        "release",
        project.TINY,
        cwd=copy,
        env=project.environment(),
    )
    assert result.returncode == 0, result.stderr
