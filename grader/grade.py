"""Grade a homework: judge what is new, record the marks, write feedback."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import nbformat
from nbgrader.plugins import CsvExportPlugin

from grader import files, ledger, repair, sheet
from grader.cache import Cache
from grader.collect import Outcome, check_name
from grader.course import ROOT, Course, CourseError
from grader.engine import Dask, Local, processors
from grader.feedback import explain, write_failure
from grader.release import register

NO_WALLS = "graded without a sandbox"


def grade(
    course: Course,
    homework: str,
    jobs: int | None = None,
    force: bool = False,
    walls: bool = True,
    scheduler: str | None = None,
) -> Iterator[Outcome]:
    """Grade what has not been graded yet; yields an outcome as each is done.

    May be killed at any time: what is recorded stays, and the next run goes on.

    Args:
        jobs: how many to judge at a time; default: one per processor.
        force: judge all anew; earlier results stay until there are new ones.
        walls: whether students' code is kept in a sandbox.
        scheduler: address of a Dask cluster to judge on.
    """
    with course.alone():
        yield from _Run(course, homework, walls).outcomes(jobs, force, scheduler)


def export(course: Course) -> Path:
    """Write the marks of all homeworks to grades.csv in the course folder."""
    path = course.folder / "grades.csv"
    with course.alone(), files.scratch(course.folder) as part:
        with course.gradebook() as gradebook:
            CsvExportPlugin(to=str(part / path.name)).export(gradebook)
        (part / path.name).replace(path)
    return path


def results(course: Course, homework: str) -> list[tuple[str, float, float]]:
    """For each test its name, its points, and the share of the class that has them."""
    with course.gradebook() as gradebook:
        cells = gradebook.find_notebook(homework, homework).grade_cells
        found = {
            cell.name: (cell.max_score, [g.auto_score or 0 for g in cell.grades])
            for cell in cells
        }
    tests = [
        (cell.name, *found[cell.name]) for cell in sheet.load(course, homework).tests
    ]
    return [(n, m, sum(p) / (m * len(p)) if m and p else 0.0) for n, m, p in tests]


def current_sheet(course: Course, homework: str) -> sheet.Sheet:
    """The homework's sheet; its tests are noted in the gradebook if they are new."""
    course.gradebook().close()  # or it is said why it cannot be used
    source = ROOT / "solutions" / homework / f"{homework}.ipynb"
    mark = course.folder / "verdicts" / homework / "registered"
    gradebook = course.nbgrader.db_url.encode()
    now = hashlib.sha256(source.read_bytes() + gradebook).hexdigest()
    before = mark.read_text() if mark.exists() else ""
    try:
        if before == now:
            return sheet.load(course, homework)
    except CourseError:
        pass  # it is empty, or another than before
    register(course, homework)
    files.write(mark, now)
    return sheet.load(course, homework)


class _Run:
    """One run over a homework's submissions."""

    def __init__(self, course: Course, homework: str, walls: bool):
        self.course, self.homework, self.walls = course, homework, walls
        self.sheet = current_sheet(course, homework)
        self.cache = Cache(course, self.sheet, walls)
        self.notes: dict[str, list[str]] = {}
        self.times: dict[str, datetime | None] = {}
        self.points: dict[str, tuple[float, float]] = {}

    def outcomes(self, jobs, force, scheduler) -> Iterator[Outcome]:
        waiting = {}
        with self.course.gradebook() as gradebook:
            scores = _scores(gradebook, self.homework)
        for student in self.course.students(self.homework):
            try:
                check_name(student)
            except files.Refused as error:  # nor is there a place for marks
                yield Outcome(student, False, f"NOT GRADED: {error}")
                continue
            self.times[student], remark = self.course.submitted(student, self.homework)
            self.notes[student] = [remark] if remark else []
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
                self.notes[student] += repair.repair(notebook, self.sheet)
                waiting[student] = (notebook, submission)
        if waiting:
            yield from self._judge(waiting, jobs, force, scheduler)

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

    def _judge(self, waiting: dict, jobs, force, scheduler) -> Iterator[Outcome]:
        keys = {s: self.cache.key(s, nb) for s, (nb, _) in waiting.items()}
        known = {s for s in waiting if not force and self.cache.get(keys[s])}
        jobs = min(jobs or processors(), len(waiting))
        if scheduler:
            engine = Dask(scheduler, self.walls)
        else:
            engine = Local(jobs, self.walls, judging=len(known) < len(waiting))
        with engine:
            for student, (notebook, _) in waiting.items():
                if student in known:
                    self._record(student, self.cache.get(keys[student]))
                    self._feedback(engine, student)
                else:
                    engine.judge(
                        student, self.sheet, student, nbformat.writes(notebook)
                    )
            for step, student, result in engine.results():
                failed = isinstance(result, Exception)
                if step == "judge" and failed:
                    yield self._spoilt(student, f"the grader failed on it: {result}")
                elif step == "judge":
                    self.cache.put(keys[student], result)
                    self._record(student, result)
                    self._feedback(engine, student)
                elif result:
                    words = f"{self._words(student)}, but NO FEEDBACK: {result}"
                    yield Outcome(student, False, words)
                else:
                    files.write(self._mark(student), waiting[student][1])
                    yield Outcome(student, True, self._words(student))

    def _record(self, student: str, verdict: dict) -> None:
        notebook = nbformat.reads(verdict["notebook"], as_version=4)
        self._mark(student).unlink(missing_ok=True)
        self.points[student] = self._enter(student, notebook)
        notes = self.notes[student] + verdict["notes"]
        if not self.walls:
            notes.append(NO_WALLS)
        explain(notebook, notes)
        notebook.metadata["byhand"] = {
            "sandbox": self.walls,
            "seconds": verdict["seconds"],
        }
        graded = self.course.notebook("autograded", student, self.homework)
        files.write(graded, nbformat.writes(notebook))
        if self.times[student]:
            stamp = f"{self.times[student]} UTC\n"
            files.write(graded.with_name("timestamp.txt"), stamp)

    def _enter(self, student: str, notebook) -> tuple[float, float]:
        with self.course.gradebook() as gradebook:
            return ledger.record(
                *(self.course, gradebook, self.sheet, student, notebook),
                self.times[student],
            )

    def _feedback(self, engine, student: str) -> None:
        engine.feedback(student, self.course.folder, self.homework, student)

    def _mark(self, student: str) -> Path:
        """Where it is noted which submission has been graded in full."""
        return self.cache.folder / "graded" / student

    def _done(self, student: str) -> str:
        mark = self._mark(student)
        return mark.read_text() if mark.exists() else ""

    def _words(self, student: str) -> str:
        points, most = self.points[student]
        words = f"{points:g} of {most:g}"
        manual = sum(cell.kind in ("manual", "task") for cell in self.sheet.cells)
        if manual:
            words += f"; {manual} parts are marked by hand"
        if self.notes[student]:
            words += f" (put right: {len(self.notes[student])})"
        return words

    def _spoilt(self, student: str, reason: str) -> Outcome:
        """The submission may be good: earlier results stay until there are better ones."""
        if not self._done(student):
            return self._failed(student, reason)
        return Outcome(student, False, f"NOT GRADED: {reason}; the earlier marks stay")

    def _failed(self, student: str, reason: str) -> Outcome:
        """Zero points, marked for the instructor's eyes, and feedback that says why."""
        self._mark(student).unlink(missing_ok=True)
        self._enter(student, None)
        page = self.course.notebook("feedback", student, self.homework)
        write_failure(page.with_suffix(".html"), self.homework, reason)
        return Outcome(student, False, f"NOT GRADED: {reason}")


def _scores(gradebook, homework: str) -> dict[str, tuple[float, float]]:
    found = gradebook.find_assignment(homework).submissions
    return {s.student_id: (s.score, s.max_score) for s in found}
