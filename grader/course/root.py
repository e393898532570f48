"""The course's root: the folder of `nbgrader_config.py`, `solutions/` and `assignments/`.

The grader itself may lie elsewhere, installed for everybody on a machine.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from grader.errors import CourseError

CONFIG = "nbgrader_config.py"
HERE = Path(__file__).resolve().parents[2]  # a clone, or where packages are installed


def find(course: Path | None = None) -> Path:
    """What BYHAND_ROOT says, or else the first of these that holds `nbgrader_config.py`.

    The current folder and those above it; the course folder and those above it; the
    clone that this code lies in.

    Args:
        course: the private folder of submissions and marks, if one is named.

    Raises:
        CourseError: there is no such folder.
    """
    if named := os.environ.get("BYHAND_ROOT"):
        root = Path(named).expanduser().resolve()
        if (root / CONFIG).is_file():
            return root
        raise CourseError(f"BYHAND_ROOT is {root}, and there is no {CONFIG} in it.")
    for folder in _candidates(course):
        if (folder / CONFIG).is_file():
            return folder
    raise CourseError(
        f"There is no course here: no {CONFIG} in {Path.cwd()} or a folder above it. Go "
        "to the course's folder, or name it: BYHAND_ROOT=folder."
    )


def folder(root: Path, course: Path | None = None) -> Path:
    """The private folder of submissions and marks, as `nbgrader_config.py` has it."""
    return course or root / os.environ.get("BYHAND_COURSE", "course")


def _candidates(course: Path | None) -> Iterator[Path]:
    here = Path.cwd()
    yield from (here, *here.parents)
    if course:
        there = course.resolve()
        yield from (there, *there.parents)
    yield HERE
