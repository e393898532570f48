"""Write the marks of all homeworks to files, for other programs."""

import csv
from collections.abc import Callable
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from grader.course import files
from grader.course.course import Course

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = (
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name"),
    *("email", "raw_score", "late_submission_penalty", "score", "max_score"),
)


def as_text(value: object) -> object:
    """A cell of a table that no spreadsheet takes for a formula.

    A name that begins like one gets an apostrophe in front, which spreadsheets hide.
    """
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _nbgraders(gradebook: Gradebook, path: Path) -> None:
    """One row for each student and homework, in the columns of `nbgrader export`.

    That one neither quotes commas in names nor guards against formulas.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        students = gradebook.students
        for assignment in gradebook.assignments:
            for student in students:
                try:
                    found = gradebook.find_submission(assignment.name, student.id)
                except MissingEntry:
                    when, raw, penalty = None, 0.0, 0.0
                else:
                    when, raw = found.timestamp, found.score
                    penalty = found.late_submission_penalty
                row = (
                    *(assignment.name, assignment.duedate, when, student.id),
                    *(student.last_name, student.first_name, student.email),
                    *(raw, penalty, max(0.0, raw - penalty), assignment.max_score),
                )
                table.writerow(map(as_text, row))


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
