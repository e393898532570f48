"""Write the marks of all homeworks to files, for other programs."""

from collections.abc import Callable
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from grader.course import files
from grader.course.course import Course


def _nbgraders(gradebook: Gradebook, path: Path) -> None:
    """One row for each student and homework, in nbgrader's columns."""
    CsvExportPlugin(to=str(path)).export(gradebook)


# by the name of the file: a new format is a function and an entry here
WRITERS: dict[str, Callable[[Gradebook, Path], None]] = {"grades.csv": _nbgraders}


def export(course: Course) -> list[Path]:
    """Write every format to the course folder; the files, which are there in full.

    Raises:
        CourseError: another run is at work, or the gradebook cannot be used.
    """
    written = []
    with (
        course.alone(),
        files.scratch(course.folder) as part,
        course.gradebook() as gradebook,
    ):
        for name, write in WRITERS.items():
            write(gradebook, part / name)
            (part / name).replace(course.folder / name)
            written.append(course.folder / name)
    return written
