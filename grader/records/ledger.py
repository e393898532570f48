"""The marks of a homework, in nbgrader's gradebook."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import (
    compute_checksum,
    determine_grade,
    is_grade,
    is_solution,
    is_task,
)
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from grader.course.course import Course
from grader.notebook.sheet import Sheet

ASSIGNMENT, STUDENT = Assignment.__table__, Student.__table__
SUBMISSION, NOTEBOOK = SubmittedAssignment.__table__, SubmittedNotebook.__table__
GRADE, COMMENT = Grade.__table__, Comment.__table__


@dataclass
class Mark:
    """What is recorded of one registered cell: points, of how many, a comment."""

    points: float | None = None
    most: float | None = None
    comment: str | None = None


@dataclass
class Recorded:
    """What is recorded of a submission: its points, and the mark of each cell."""

    points: float
    most: float
    late_penalty: float
    marks: dict[str, Mark]


class Before(NamedTuple):
    """What is recorded of a submission: ids, when, and rows of marks by cell."""

    submission: str
    notebook: str
    extension: timedelta | None
    timestamp: datetime | None
    penalty: float | None
    grades: dict[str, Any]
    comments: dict[str, Any]


class ClassResult(NamedTuple):
    """How the class did in a test: its points, and the share of them that they have."""

    test: str
    points: float
    share: float


class Given(NamedTuple):
    """What a student has for a test or an answer: points, and whether a person gave them.

    None: a person has still to give them.
    """

    points: float | None
    by_hand: bool = False


@dataclass
class Entry:
    """All that a student has for a homework: a mark by each cell, a late penalty."""

    penalty: float
    marks: dict[str, Given]

    @property
    def points(self) -> float:
        """As they count: those that there are so far, less the penalty."""
        earned = sum(mark.points or 0.0 for mark in self.marks.values())
        return max(0.0, earned - self.penalty)


class Ledger:
    """The marks of one homework; one submission is one transaction. Close it after use.

    Args:
        course, sheet: the homework, which is in the gradebook.
    """

    def __init__(self, course: Course, sheet: Sheet):
        self.course, self.sheet = course, sheet
        self.gradebook = course.gradebook()
        self.db = self.gradebook.db
        notebook = self.gradebook.find_notebook(sheet.homework, sheet.homework)
        self.assignment, self.notebook = notebook.assignment.id, notebook.id
        self.graded = {c.id: c.name for c in notebook.grade_cells}
        self.graded |= {c.id: c.name for c in notebook.task_cells}
        self.commented = {c.id: c.name for c in notebook.solution_cells}
        self.commented |= {c.id: c.name for c in notebook.task_cells}

    def close(self) -> None:
        self.gradebook.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def scores(self) -> dict[str, tuple[float, float]]:
        """For each student their points, and the points there are."""
        most = sum(cell.points or 0.0 for cell in self.sheet.cells)
        rows = self.db.execute(
            select(SUBMISSION.c.student_id, func.coalesce(func.sum(Grade.score), 0.0))
            .select_from(SUBMISSION)
            .join(NOTEBOOK, NOTEBOOK.c.assignment_id == SUBMISSION.c.id)
            .join(GRADE, GRADE.c.notebook_id == NOTEBOOK.c.id, isouter=True)
            .where(NOTEBOOK.c.notebook_id == self.notebook)
            .group_by(SUBMISSION.c.student_id)
        )
        return {student: (points, most) for student, points in rows}

    def entries(self) -> dict[str, Entry]:
        """For each student who has handed in, what is recorded."""
        rows = self.db.execute(
            select(
                *(SUBMISSION.c.student_id, NOTEBOOK.c.late_submission_penalty),
                *(GRADE.c.cell_id, GRADE.c.auto_score),
                *(GRADE.c.manual_score, GRADE.c.extra_credit),
            )
            .select_from(SUBMISSION)
            .join(NOTEBOOK, NOTEBOOK.c.assignment_id == SUBMISSION.c.id)
            .join(GRADE, GRADE.c.notebook_id == NOTEBOOK.c.id, isouter=True)
            .where(NOTEBOOK.c.notebook_id == self.notebook)
            .order_by(SUBMISSION.c.student_id)
        )
        found: dict[str, Entry] = {}
        for student, penalty, cell, auto, by_hand, extra in rows:
            entry = found.setdefault(student, Entry(penalty or 0.0, {}))
            points = auto if by_hand is None else by_hand
            if points is not None:
                points += extra or 0.0
            if cell in self.graded:
                name = self.graded[cell]
                entry.marks[name] = Given(points, by_hand is not None)
        return found

    def results(self) -> list[ClassResult]:
        """How the class did, test by test."""
        rows = self.db.execute(
            select(GRADE.c.cell_id, func.avg(func.coalesce(GRADE.c.auto_score, 0.0)))
            .join(NOTEBOOK, GRADE.c.notebook_id == NOTEBOOK.c.id)
            .where(NOTEBOOK.c.notebook_id == self.notebook)
            .group_by(GRADE.c.cell_id)
        )
        mean = {self.graded[cell]: points for cell, points in rows}
        found = []
        for test in self.sheet.tests:
            most = test.points or 0.0
            share = mean.get(test.name, 0.0) / most if most else 0.0
            found.append(ClassResult(test.name, most, share))
        return found

    def record(
        self, student: str, graded: NotebookNode | None, submitted: datetime | None
    ) -> Recorded:
        """Record the marks of a graded notebook.

        Penalties for lateness are noted beside the points, not taken off. Points that
        somebody gave by hand are kept, and marked for a second look.

        Args:
            graded: the notebook with the judge's outputs; None for a submission that
                could not be graded: 0 for every test, marked for the instructor's eyes.
            submitted: when it was handed in (UTC).
        """
        cells = {c.metadata.nbgrader.grade_id: c for c in _registered(graded)}
        try:
            marks, late = self._write(student, cells, submitted)
        except IntegrityError:  # somebody else has just added the student
            self.db.rollback()
            marks, late = self._write(student, cells, submitted)
        penalty = self._late(student) if late else 0.0
        return Recorded(
            sum(m.points for m in marks.values() if m.points is not None),
            sum(m.most for m in marks.values() if m.most is not None),
            penalty,
            marks,
        )

    def _write(
        self, student: str, cells: dict[str, NotebookNode], submitted: datetime | None
    ) -> tuple[dict[str, Mark], bool]:
        """In one transaction; the marks, and whether lateness has to be seen to."""
        before = self._find(student)
        if before is None:
            self._add_student(student)
            before = self._add_submission(student, submitted)
        elif submitted:
            before = before._replace(timestamp=submitted)
            which = SUBMISSION.c.id == before.submission
            self.db.execute(update(SUBMISSION).where(which), {"timestamp": submitted})
        marks: dict[str, Mark] = {}
        self._write_grades(before.notebook, cells, before.grades, marks)
        self._write_comments(before.notebook, cells, before.comments, marks)
        due = self.db.execute(
            select(ASSIGNMENT.c.duedate).where(ASSIGNMENT.c.id == self.assignment)
        ).scalar()
        self.db.commit()
        if due and before.extension:
            due += before.extension
        late = bool(due and before.timestamp and before.timestamp > due)
        return marks, bool(before.penalty) or late

    def _find(self, student: str) -> Before | None:
        row = self.db.execute(
            select(
                *(SUBMISSION.c.id, NOTEBOOK.c.id, SUBMISSION.c.extension),
                *(SUBMISSION.c.timestamp, NOTEBOOK.c.late_submission_penalty),
            )
            .join(NOTEBOOK, NOTEBOOK.c.assignment_id == SUBMISSION.c.id)
            .where(SUBMISSION.c.assignment_id == self.assignment)
            .where(SUBMISSION.c.student_id == student)
            .where(NOTEBOOK.c.notebook_id == self.notebook)
        ).first()
        if row is None:
            return None
        submission, place, extension, timestamp, penalty = row
        grades, comments = self._rows(GRADE, place), self._rows(COMMENT, place)
        return Before(
            submission, place, extension, timestamp, penalty, grades, comments
        )

    def _rows(self, table: Any, place: str) -> dict[str, Any]:
        """The rows of a submission, by cell."""
        rows = self.db.execute(select(table).where(table.c.notebook_id == place))
        return {row.cell_id: row for row in rows}

    def _add_student(self, student: str) -> None:
        known = select(STUDENT.c.id).where(STUDENT.c.id == student)
        if self.db.execute(known).first() is None:
            self.db.execute(insert(STUDENT), {"id": student})

    def _add_submission(self, student: str, submitted: datetime | None) -> Before:
        submission, place = new_uuid(), new_uuid()
        self.db.execute(
            insert(SUBMISSION),
            {
                "id": submission,
                "assignment_id": self.assignment,
                "student_id": student,
                "timestamp": submitted,
            },
        )
        self.db.execute(
            insert(NOTEBOOK),
            {"id": place, "assignment_id": submission, "notebook_id": self.notebook},
        )
        return Before(submission, place, None, submitted, None, {}, {})

    def _write_grades(
        self,
        place: str,
        cells: dict[str, NotebookNode],
        before: dict[str, Any],
        marks: dict[str, Mark],
    ) -> None:
        new, changed = [], []
        for key, name in self.graded.items():
            row = before.get(key)
            by_hand = None if row is None else row.manual_score
            extra = 0.0 if row is None else row.extra_credit or 0.0
            auto = self._points_of(cells[name]) if cells else 0
            if not cells and row is not None and by_hand is not None:
                auto = row.auto_score
            look = not cells or by_hand is not None or auto is None
            values = {"auto_score": auto, "needs_manual_grade": look}
            if row is None:
                new.append(values | {"cell_id": key, "notebook_id": place})
            else:
                changed.append(values | {"key": row.id})
            points = auto if by_hand is None else by_hand
            points = 0.0 if points is None else points + extra
            marks[name] = Mark(points, self.sheet[name].points)
        self._put(GRADE, new, changed)

    def _points_of(self, cell: NotebookNode) -> float | None:
        """The points that a cell has earned; None where a person has to mark it."""
        return None if is_task(cell) else determine_grade(cell)[0]

    def _write_comments(
        self,
        place: str,
        cells: dict[str, NotebookNode],
        before: dict[str, Any],
        marks: dict[str, Mark],
    ) -> None:
        new, changed = [], []
        for key, name in self.commented.items():
            row, cell = before.get(key), cells.get(name)
            task = cell is not None and cell.metadata.nbgrader.get("task")
            untouched = cell is not None and not task and self._is_untouched(cell)
            words = "No response." if untouched else None
            if row is None:
                values = {"auto_comment": words, "cell_id": key, "notebook_id": place}
                new.append(values)
            else:
                changed.append({"auto_comment": words, "key": row.id})
            by_hand = None if row is None else row.manual_comment
            marks.setdefault(name, Mark()).comment = (
                words if by_hand is None else by_hand
            )
        self._put(COMMENT, new, changed)

    def _put(
        self, table: Any, new: list[dict[str, Any]], changed: list[dict[str, Any]]
    ) -> None:
        if new:
            self.db.execute(insert(table), new)
        if changed:
            self.db.execute(
                update(table)
                .where(table.c.id == bindparam("key"))
                .values({n: bindparam(n) for n in changed[0] if n != "key"}),
                changed,
            )

    def _is_untouched(self, cell: NotebookNode) -> bool:
        name = cell.metadata.nbgrader.grade_id
        return self.sheet[name].checksum == compute_checksum(cell)

    def _late(self, student: str) -> float:
        """Have nbgrader's plugin (`c.AssignLatePenalties.plugin_class`) see to it."""
        homework = self.sheet.homework
        resources = {
            "nbgrader": {
                "student": student,
                "assignment": homework,
                "notebook": homework,
                "db_url": self.course.nbgrader.db_url,
            }
        }
        plugin = AssignLatePenalties(
            config=self.course.config, parent=self.course.nbgrader
        )
        plugin.preprocess(new_notebook(), resources)
        found = self._find(student)
        self.db.commit()  # nothing stays locked
        return (found and found.penalty) or 0.0


def points_of(graded: NotebookNode) -> dict[str, float | None]:
    """The points that the tests of a graded notebook have given; None: a person's to give."""
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in _registered(graded)}
    tests = (
        (name, cell)
        for name, cell in cells.items()
        if is_grade(cell) and not is_solution(cell)
    )
    return {name: determine_grade(cell)[0] for name, cell in tests}


def _registered(notebook: NotebookNode | None) -> list[NotebookNode]:
    return [c for c in notebook.cells if "nbgrader" in c.metadata] if notebook else []
