"""Write marks into nbgrader's gradebook: one submission, one transaction, one writer."""

from datetime import datetime

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade

from grader.course import Course
from grader.sheet import Sheet


def record(
    course: Course,
    gradebook: Gradebook,
    sheet: Sheet,
    student: str,
    graded: NotebookNode | None,
    submitted: datetime | None,
) -> tuple[float, float]:
    """Record the marks of a graded notebook; points, and points there are.

    Penalties for lateness are noted beside the points, not taken off.

    Points that somebody gave by hand are kept, and marked for a second look.

    Args:
        graded: the notebook with the judge's outputs; None for a submission that could
            not be graded: 0 for every test, each marked for the instructor's eyes.
        submitted: when it was handed in (UTC).
    """
    homework = sheet.homework
    gradebook.update_or_create_student(student)
    details = {"timestamp": submitted} if submitted else {}
    submission = gradebook.update_or_create_submission(homework, student, **details)
    (notebook,) = [n for n in submission.notebooks if n.name == homework]
    cells = {c.metadata.nbgrader.grade_id: c for c in _registered(graded)}
    for grade in notebook.grades:
        if graded is None:
            if grade.manual_score is None:
                grade.auto_score, grade.needs_manual_grade = 0, True
            continue
        auto_score, _ = determine_grade(cells[grade.name])
        grade.auto_score = auto_score
        grade.needs_manual_grade = grade.manual_score is not None or auto_score is None
    for comment in notebook.comments:
        cell = cells.get(comment.name)
        task = cell is not None and cell.metadata.nbgrader.get("task")
        untouched = cell is not None and not task and _is_untouched(cell, sheet)
        comment.auto_comment = "No response." if untouched else None
    gradebook.db.commit()
    if submission.total_seconds_late > 0 or submission.late_submission_penalty:
        _late(course, homework, student)
        gradebook.db.refresh(submission)
    return submission.score, submission.max_score


def _registered(notebook: NotebookNode | None) -> list[NotebookNode]:
    return [c for c in notebook.cells if "nbgrader" in c.metadata] if notebook else []


def _is_untouched(cell: NotebookNode, sheet: Sheet) -> bool:
    return sheet[cell.metadata.nbgrader.grade_id].checksum == compute_checksum(cell)


def _late(course: Course, homework: str, student: str) -> None:
    """Let nbgrader's plugin (`c.AssignLatePenalties.plugin_class`) see to it."""
    resources = {
        "nbgrader": {
            "student": student,
            "assignment": homework,
            "notebook": homework,
            "db_url": course.nbgrader.db_url,
        }
    }
    plugin = AssignLatePenalties(config=course.config, parent=course.nbgrader)
    plugin.preprocess(new_notebook(), resources)
