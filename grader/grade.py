"""Grade a homework: judge what is new, record the marks, write feedback."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from grader.course import files
from grader.course.cache import Cache
from grader.course.course import Course
from grader.course.names import check_name
from grader.errors import Refused
from grader.judge.engine import Engine, processors
from grader.judge.engines import ENGINES
from grader.judge.sandbox import check_unseen
from grader.notebook.reading import cells_of, read, remarks
from grader.notebook.repair import repair
from grader.notebook.sheet import Sheet
from grader.notebook.verdict import Verdict
from grader.outcome import Outcome, Status
from grader.records.feedback import account, why_nothing, with_outputs
from grader.records.ledger import ClassResult, Ledger, points_of
from grader.records.page import Pages
from grader.records.sheets import current_sheet, load_sheet, sheet_to_come


def grade(
    course: Course,
    homework: str,
    jobs: int | None = None,
    force: bool = False,
    walls: bool = True,
    engine: Engine | None = None,
) -> Iterator[Outcome]:
    """Grade what has not been graded yet; yields an outcome as each is done.

    May be killed at any time: what is recorded stays, and the next run goes on.

    Args:
        jobs: how many to judge at a time; default: one per processor.
        force: judge all anew; earlier results stay until there are new ones.
        walls: whether students' code is kept in a sandbox.
        engine: where to judge; it is closed in the end. Default: this machine.

    Raises:
        CourseError: another run is at work, the gradebook cannot be used, the homework's
            rules make no sense, or the engine has gone.
        SandboxError: there is no sandbox to be had.
        OSError: a file cannot be written. What is recorded stays.
    """
    with course.alone(), _Run(course, homework, walls, engine) as run:
        yield from run.outcomes(jobs or processors(), force)


def results(course: Course, homework: str) -> list[ClassResult]:
    """How the class did, test by test."""
    with Ledger(course, load_sheet(course, homework)) as ledger:
        return ledger.results()


class Change(NamedTuple):
    """The points of a student in a test: recorded, and by the tests as they are now.

    None: there is no such test, before or now.
    """

    student: str
    test: str
    before: float | None
    after: float | None


class Trial(NamedTuple):
    """A submission that was judged by way of trial, and what that would change."""

    outcome: Outcome
    changes: list[Change]


def what_if(
    course: Course,
    homework: str,
    jobs: int | None = None,
    walls: bool = True,
    engine: Engine | None = None,
) -> Iterator[Trial]:
    """What the tests in ``solutions/`` would change, released or not.

    No mark, graded notebook or feedback is written. Verdicts are kept, so that to grade
    afterwards takes no time.

    Args:
        jobs, walls, engine: as in :func:`grade`.

    Raises:
        CourseError, SandboxError, OSError: as :func:`grade`; also if the homework has
            not been released before.
    """
    with course.alone(), _Trial(course, homework, walls, engine) as run:
        for outcome in run.outcomes(jobs or processors(), force=False):
            yield Trial(outcome, run.changes.pop(outcome.student, []))


class _Submission(NamedTuple):
    """What was read of a student's: the repaired notebook, hashes, what there is to say."""

    notebook: NotebookNode
    submission: str  # the hash of what was handed in
    key: str  # the hash of what is judged
    notes: list[str]


class _Run:
    """One run over a homework's submissions."""

    def __init__(
        self, course: Course, homework: str, walls: bool, engine: Engine | None
    ):
        self.course, self.homework = course, homework
        self.walls, self.engine = walls, engine
        self.sheet = self._sheet()
        if walls and self.sheet.tests:
            check_unseen(course.private())
        self.cache = Cache(course, self.sheet, self.walls)
        self.ledger = Ledger(course, self.sheet)
        self.pages = Pages(course, homework)
        self.times: dict[str, datetime | None] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ledger.close()
        if self.engine:
            self.engine.close()

    def _sheet(self) -> Sheet:
        return current_sheet(self.course, self.homework)

    def outcomes(self, jobs: int, force: bool) -> Iterator[Outcome]:
        """Grade each student's submission that is new, or all."""
        due: dict[str, _Submission] = {}
        scores = self.ledger.scores()
        for student in self.course.students(self.homework):
            try:
                check_name(student)
            except Refused as error:  # nor is there a place for marks
                yield Outcome(student, Status.NOT_GRADED, reason=str(error))
                continue
            self.times[student], remark = self.course.submitted(student, self.homework)
            try:
                data = self._read(student)
                submission = self.cache.submission(student, data)
                before = self._done(student)
                if not force and student in scores and before == submission:
                    yield Outcome(student, Status.GRADED_BEFORE, *scores[student])
                    continue
                notebook = read(data, outputs=not self.sheet.tests)
            except OSError as error:
                yield self._spoilt(student, f"the file cannot be read ({error})")
            except Refused as error:
                yield self._failed(student, str(error))
            else:
                notes = [remark] if remark else []
                notes += [*remarks(notebook), *repair(notebook, self.sheet)]
                key = self.cache.key(student, notebook)
                due[student] = _Submission(notebook, submission, key, notes)
        yield from self._judge(due, jobs, force)

    def _read(self, student: str) -> bytes:
        path = self.course.notebook("submitted", student, self.homework)
        try:
            return files.read(path)[0]
        except FileNotFoundError:
            try:
                why = files.read(path.with_name(self.course.REFUSED))[0].decode()
                raise Refused(why.strip())
            except FileNotFoundError:
                raise Refused(f"there is no {path.name} in it") from None

    def _judge(
        self, due: dict[str, _Submission], jobs: int, force: bool
    ) -> Iterator[Outcome]:
        if not self.sheet.tests:
            for student, one in due.items():
                yield self._finish(student, one, None)
            return
        new = []
        for student, one in due.items():
            verdict = None if force else self.cache.get(one.key)
            if verdict:
                yield self._finish(student, one, verdict)
            else:
                new.append(student)
        if not new:
            return
        self.engine = self.engine or ENGINES["local"](self.walls, None)
        self.engine.prepare(self.sheet, min(jobs, len(new)))
        for student in new:
            self.engine.judge(student, cells_of(due[student].notebook))
        self.pages.prepare(due[new[0]].notebook)
        for result in self.engine.results():
            student = result.student
            if result.verdict is None:
                reason = f"the grader failed on it: {result.error}"
                yield self._spoilt(student, reason)
            else:
                if not result.verdict.timed_out:  # it may have been the machine's fault
                    self.cache.put(due[student].key, result.verdict)
                yield self._finish(student, due.pop(student), result.verdict)

    def _finish(
        self, student: str, one: _Submission, verdict: Verdict | None
    ) -> Outcome:
        """Record a verdict, and write the graded notebook and the feedback."""
        notebook = with_outputs(one.notebook, verdict)
        self._mark(student).unlink(missing_ok=True)
        self.course.refusal(student, self.homework).unlink(missing_ok=True)
        recorded = self.ledger.record(student, notebook, self.times[student])
        account(notebook, one.notes, verdict, self.walls)
        graded = self.course.notebook("autograded", student, self.homework)
        files.write(graded, json.dumps(notebook, ensure_ascii=False))
        outcome = Outcome(
            student,
            Status.GRADED,
            recorded.points,
            recorded.most,
            by_hand=sum(cell.kind in ("manual", "task") for cell in self.sheet.cells),
            repaired=len(one.notes),
            note=why_nothing(notebook) if verdict and not recorded.points else "",
        )
        try:
            self.pages.write(student, notebook, recorded)
        except OSError:
            raise
        except Exception as error:
            return replace(outcome, status=Status.NO_FEEDBACK, reason=str(error))
        self._copy_along(student)
        files.write(self._mark(student), one.submission, sure=False)
        return outcome

    def _copy_along(self, student: str) -> None:
        """What nbgrader looks for beside a notebook when it gives feedback back."""
        submitted = self.course.notebook("submitted", student, self.homework).parent
        stamp = f"{self.times[student]} UTC\n" if self.times[student] else None
        secret = None
        with contextlib.suppress(OSError, Refused):  # if not by the exchange
            secret = files.read(submitted / self.course.SECRET)[0]
        for step in ("autograded", "feedback"):
            folder = self.course.notebook(step, student, self.homework).parent
            if stamp:
                files.write(folder / "timestamp.txt", stamp, sure=False)
            if secret:
                files.write(folder / self.course.SECRET, secret, sure=False)

    def _mark(self, student: str) -> Path:
        return self.course.graded(student, self.homework)

    def _done(self, student: str) -> str:
        mark = self._mark(student)
        return mark.read_text() if mark.exists() else ""

    def _spoilt(self, student: str, reason: str) -> Outcome:
        """The submission may be good: earlier results stay until there are better ones."""
        if not self._done(student):
            return self._failed(student, reason)
        reason += "; the earlier marks stay"
        return Outcome(student, Status.NOT_GRADED, reason=reason)

    def _failed(self, student: str, reason: str) -> Outcome:
        """Zero points, marked for the instructor's eyes, and feedback that says why."""
        self._mark(student).unlink(missing_ok=True)
        self.ledger.record(student, None, self.times[student])
        self.pages.write_failure(student, reason)
        files.write(self.course.refusal(student, self.homework), reason, sure=False)
        return Outcome(student, Status.NOT_GRADED, reason=reason)


class _Trial(_Run):
    """A run that records nothing, with the homework's tests as its source has them."""

    def __init__(
        self, course: Course, homework: str, walls: bool, engine: Engine | None
    ):
        self.recorded = load_sheet(course, homework)
        super().__init__(course, homework, walls, engine)
        self.entries = self.ledger.entries()
        self.changes: dict[str, list[Change]] = {}

    def _sheet(self) -> Sheet:
        return sheet_to_come(self.course, self.homework)

    def _finish(
        self, student: str, one: _Submission, verdict: Verdict | None
    ) -> Outcome:
        if student not in self.entries:
            reason = "it has not been graded yet"
            return Outcome(student, Status.NOT_GRADED, reason=reason)
        marks = self.entries[student].marks
        now = points_of(with_outputs(one.notebook, verdict))
        changes = []
        for test in dict.fromkeys(
            c.name for c in self.recorded.tests + self.sheet.tests
        ):
            before, after = marks.get(test), now.get(test)
            if before and before.by_hand and after is not None:
                continue  # such points stay
            change = Change(student, test, before.points if before else None, after)
            if change.before != change.after:
                changes.append(change)
        self.changes[student] = changes
        points = sum(mark.points or 0.0 for mark in marks.values())
        points += sum((c.after or 0.0) - (c.before or 0.0) for c in changes)
        most = sum(cell.points or 0.0 for cell in self.sheet.cells)
        return Outcome(student, Status.GRADED, points, most)

    def _failed(self, student: str, reason: str) -> Outcome:
        return Outcome(student, Status.NOT_GRADED, reason=reason)
