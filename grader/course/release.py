"""From solutions/ to assignments/: the notebooks that students get."""

import tempfile
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment

from grader.course.course import Course
from grader.errors import CourseError


def release(course: Course, homework: str, to: Path | None = None) -> Path:
    """Write the released version of a homework, and note its tests in the gradebook.

    Args:
        to: the folder of all homeworks; default: the course's `assignments/`.

    The file depends on the source alone: releasing twice gives the same bytes.

    Raises:
        CourseError: nbgrader cannot make it; the message says what it found.
    """
    to = to or course.root / "assignments"
    _check_entries(course, homework)
    course.nbgrader.release_directory = str(to)
    error = course.convert(GenerateAssignment, homework)
    if error and "Cannot add or remove cells" in error:  # nbgrader 0.9.6, SaveCells
        raise CourseError(
            f"{homework} has other tests or solution cells than before, and the gradebook "
            "holds work that was handed in. nbgrader allows new texts and points then, but "
            "no new, missing or renamed cells: put them back as they were; or give the "
            "homework another name; or begin with an empty course folder (BYHAND_COURSE)."
        )
    if error:
        raise CourseError(f"{homework} could not be released: {error}")
    path = to / homework / f"{homework}.ipynb"
    _say_what_belongs(path)
    return path


def _check_entries(course: Course, homework: str) -> None:
    """Raises CourseError: a cell has an nbgrader entry that is none, and which."""
    path = course.source(homework)
    if not path.exists():
        return
    kinds = ("grade", "solution", "task", "locked")
    for place, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        entry = cell.metadata.get("nbgrader")
        if entry is None or (entry and "grade_id" in entry):
            continue
        if all(entry.get(kind) is False for kind in kinds):
            continue  # what nbgrader's editor leaves of one that was taken away
        first = (cell.source.strip().splitlines() or ["empty"])[0][:60]
        raise CourseError(
            f"{homework}, cell {place} ({first}): its nbgrader entry has no grade_id. "
            "Give it one, or remove the entry from the cell's metadata."
        )


def _say_what_belongs(path: Path) -> None:
    """Note the notebook's name and cells in it, for `byhand validate`."""
    notebook = nbformat.read(path, as_version=4)
    entries = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    names = [entry["grade_id"] for entry in entries if entry and "grade_id" in entry]
    rules = {"name": path.stem, "cells": names}
    notebook.metadata["byhand"] = notebook.metadata.get("byhand", {}) | rules
    nbformat.write(notebook, path)


def register(course: Course, homework: str) -> None:
    """Note a homework's tests in the gradebook, as they are now; no file is written.

    Raises:
        CourseError: as :func:`release`.
    """
    with tempfile.TemporaryDirectory() as folder:
        release(course, homework, to=Path(folder))
