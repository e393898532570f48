"""From solutions/ to assignments/: the notebooks that students get."""

import tempfile
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment

from grader.course.course import ROOT, Course
from grader.errors import CourseError


def release(course: Course, homework: str, to: Path = ROOT / "assignments") -> Path:
    """Write the released version of a homework, and note its tests in the gradebook.

    The file depends on the source alone: releasing twice gives the same bytes.

    Raises:
        CourseError: nbgrader cannot make it; the message says what it found.
    """
    course.nbgrader.release_directory = str(to)
    error = course.convert(GenerateAssignment, homework)
    if error:
        raise CourseError(f"{homework} could not be released: {error}")
    path = to / homework / f"{homework}.ipynb"
    _say_what_belongs(path)
    return path


def _say_what_belongs(path: Path) -> None:
    """Note the notebook's name and cells in it, for `byhand validate`."""
    notebook = nbformat.read(path, as_version=4)
    entries = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    names = [entry["grade_id"] for entry in entries if entry]
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
