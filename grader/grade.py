"""Grade a homework: judge what is new, record the marks, write feedback."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode, from_dict
from nbgrader.plugins import CsvExportPlugin

from grader import files, repair
from grader.cache import Cache
from grader.collect import Outcome, check_name
from grader.course import ROOT, Course
from grader.engine import Dask, Local, processors
from grader.errors import CourseError
from grader.feedback import explain
from grader.ledger import Ledger, Recorded, load_sheet
from grader.page import Pages
from grader.release import register
from grader.sheet import Sheet

NO_WALLS = "graded without a sandbox"
NOT_RUN = "nothing was run: outputs are as they were handed in"


def grade(
    course: Course,
    homework: str,
    jobs: int | None = None,
    force: bool = False,
    walls: bool = True,
    engine: Local | Dask | None = None,
) -> Iterator[Outcome]:
    """Grade what has not been graded yet; yields an outcome as each is done.

    May be killed at any time: what is recorded stays, and the next run goes on.

    Args:
        jobs: how many to judge at a time; default: one per processor.
        force: judge all anew; earlier results stay until there are new ones.
        walls: whether students' code is kept in a sandbox.
        engine: where to judge; it is closed in the end. Default: this machine.
    """
    with course.alone(), _Run(course, homework, walls, engine) as run:
        yield from run.outcomes(jobs or processors(), force)


def export(course: Course) -> Path:
    """Write the marks of all homeworks to grades.csv in the course folder."""
    path = course.folder / "grades.csv"
    with course.alone(), files.scratch(course.folder) as part:
        with course.gradebook() as gradebook:
            CsvExportPlugin(to=str(part / path.name)).export(gradebook)
        (part / path.name).replace(path)
    return path


def results(course: Course, homework: str) -> list[tuple[str, float, float]]:
    """For each test its name, its points, and the share of them that the class has."""
    with Ledger(course, load_sheet(course, homework)) as ledger:
        return ledger.results()


def current_sheet(course: Course, homework: str) -> Sheet:
    """The homework's sheet; its tests are noted in the gradebook if they are new."""
    course.gradebook().close()  # or it is said why it cannot be used
    source = ROOT / "solutions" / homework / f"{homework}.ipynb"
    mark = course.folder / "verdicts" / homework / "registered"
    gradebook = course.nbgrader.db_url.encode()
    now = hashlib.sha256(source.read_bytes() + gradebook).hexdigest()
    before = mark.read_text() if mark.exists() else ""
    try:
        if before == now:
            return load_sheet(course, homework)
    except CourseError:
        pass  # it is empty, or another than before
    register(course, homework)
    files.write(mark, now)
    return load_sheet(course, homework)


def with_outputs(notebook: NotebookNode, verdict: dict | None) -> NotebookNode:
    """A repaired notebook as it is graded: with what the judge found, if it ran it."""
    if verdict:
        for cell, outputs in zip(notebook.cells, verdict["outputs"], strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = from_dict(outputs), None
    return notebook


class _Submission(NamedTuple):
    """What was read of a student's: the repaired notebook, hashes, what there is to say."""

    notebook: NotebookNode
    submission: str  # the hash of what was handed in
    key: str  # the hash of what is judged
    notes: list[str]


class _Run:
    """One run over a homework's submissions."""

    def __init__(self, course: Course, homework: str, walls: bool, engine):
        self.course, self.homework = course, homework
        self.walls, self.engine = walls, engine
        self.sheet = current_sheet(course, homework)
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

    def outcomes(self, jobs: int, force: bool) -> Iterator[Outcome]:
        """Grade each student's submission that is new, or all."""
        due: dict[str, _Submission] = {}
        scores = self.ledger.scores()
        for student in self.course.students(self.homework):
            try:
                check_name(student)
            except files.Refused as error:  # nor is there a place for marks
                yield Outcome(student, False, f"NOT GRADED: {error}")
                continue
            self.times[student], remark = self.course.submitted(student, self.homework)
            try:
                data = self._read(student)
                submission = self.cache.submission(student, data)
                before = self._done(student)
                if not force and student in scores and before == submission:
                    points, most = scores[student]
                    words = f"{points:g} of {most:g} (graded before)"
                    yield Outcome(student, True, words)
                    continue
                notebook = repair.read(data, outputs=not self.sheet.tests)
            except OSError as error:
                yield self._spoilt(student, f"the file cannot be read ({error})")
            except (files.Refused, repair.Unreadable) as error:
                yield self._failed(student, str(error))
            else:
                notes = [remark] if remark else []
                notes += repair.repair(notebook, self.sheet)
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
                raise files.Refused(why.strip())
            except FileNotFoundError:
                raise files.Refused(f"there is no {path.name} in it") from None

    def _judge(self, due: dict, jobs: int, force: bool) -> Iterator[Outcome]:
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
        self.engine = self.engine or Local(self.walls)
        self.engine.prepare(self.sheet, min(jobs, len(new)))
        for student in new:
            self.engine.judge(student, repair.cells_of(due[student].notebook))
        self.pages.prepare(due[new[0]].notebook)
        for student, result in self.engine.results():
            if isinstance(result, Exception):
                yield self._spoilt(student, f"the grader failed on it: {result}")
            else:
                self.cache.put(due[student].key, result)
                yield self._finish(student, due.pop(student), result)

    def _finish(self, student: str, one: _Submission, verdict: dict | None) -> Outcome:
        """Record a verdict, and write the graded notebook and the feedback."""
        notes = one.notes + (verdict["notes"] if verdict else [NOT_RUN])
        if not self.walls:
            notes.append(NO_WALLS)
        notebook = with_outputs(one.notebook, verdict)
        self._mark(student).unlink(missing_ok=True)
        recorded = self.ledger.record(student, notebook, self.times[student])
        explain(notebook, notes)
        notebook.metadata["byhand"] = {
            "sandbox": self.walls,
            "seconds": verdict["seconds"] if verdict else {},
        }
        graded = self.course.notebook("autograded", student, self.homework)
        files.write(graded, json.dumps(notebook, ensure_ascii=False))
        words = self._words(recorded, one.notes)
        try:
            self.pages.write(student, notebook, recorded)
        except OSError:
            raise
        except Exception as error:
            return Outcome(student, False, f"{words}, but NO FEEDBACK: {error}")
        self._copy_along(student)
        files.write(self._mark(student), one.submission, sure=False)
        return Outcome(student, True, words)

    def _copy_along(self, student: str) -> None:
        """What nbgrader looks for beside a notebook when it gives feedback back."""
        submitted = self.course.notebook("submitted", student, self.homework).parent
        stamp = f"{self.times[student]} UTC\n" if self.times[student] else None
        secret = None
        with contextlib.suppress(OSError, files.Refused):  # if not by the exchange
            secret = files.read(submitted / self.course.SECRET)[0]
        for step in ("autograded", "feedback"):
            folder = self.course.notebook(step, student, self.homework).parent
            if stamp:
                files.write(folder / "timestamp.txt", stamp, sure=False)
            if secret:
                files.write(folder / self.course.SECRET, secret, sure=False)

    def _mark(self, student: str) -> Path:
        """Where it is noted which submission has been graded in full."""
        return self.cache.folder / "graded" / student

    def _done(self, student: str) -> str:
        mark = self._mark(student)
        return mark.read_text() if mark.exists() else ""

    def _words(self, recorded: Recorded, notes: list[str]) -> str:
        words = f"{recorded.points:g} of {recorded.most:g}"
        manual = sum(cell.kind in ("manual", "task") for cell in self.sheet.cells)
        if manual:
            words += f"; {manual} parts are marked by hand"
        if notes:
            words += f" (put right: {len(notes)})"
        return words

    def _spoilt(self, student: str, reason: str) -> Outcome:
        """The submission may be good: earlier results stay until there are better ones."""
        if not self._done(student):
            return self._failed(student, reason)
        return Outcome(student, False, f"NOT GRADED: {reason}; the earlier marks stay")

    def _failed(self, student: str, reason: str) -> Outcome:
        """Zero points, marked for the instructor's eyes, and feedback that says why."""
        self._mark(student).unlink(missing_ok=True)
        self.ledger.record(student, None, self.times[student])
        self.pages.write_failure(student, reason)
        return Outcome(student, False, f"NOT GRADED: {reason}")
