"""Grade a homework: judge what is new, record the marks, write feedback."""

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbgrader.plugins import CsvExportPlugin

from grader import ledger, repair, sheet
from grader.cache import Cache, write
from grader.collect import Outcome
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
    with _only_run(course):
        yield from _Run(course, homework, walls).outcomes(jobs, force, scheduler)


def export(course: Course) -> Path:
    """Write the marks of all homeworks to grades.csv in the course folder."""
    path = course.folder / "grades.csv"
    with course.gradebook() as gradebook:
        CsvExportPlugin(to=str(path)).export(gradebook)
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
    source = ROOT / "solutions" / homework / f"{homework}.ipynb"
    mark = course.folder / "verdicts" / homework / "registered"
    now = hashlib.sha256(source.read_bytes()).hexdigest()
    before = mark.read_text() if mark.exists() else ""
    try:
        if before == now:
            return sheet.load(course, homework)
    except CourseError:
        pass  # another gradebook than before
    register(course, homework)
    write(mark, now)
    return sheet.load(course, homework)


class _Run:
    """One run over a homework's submissions."""

    def __init__(self, course: Course, homework: str, walls: bool):
        self.course, self.homework, self.walls = course, homework, walls
        self.sheet = current_sheet(course, homework)
        self.cache = Cache(course, self.sheet, walls)
        self.students = course.students(homework)
        self.notes: dict[str, list[str]] = {}

    def outcomes(self, jobs, force, scheduler) -> Iterator[Outcome]:
        waiting = {}
        with self.course.gradebook() as gradebook:
            scores = _scores(gradebook, self.homework)
        for student in self.students:
            try:
                path = self.course.notebook("submitted", student, self.homework)
                data = path.read_bytes()
            except OSError as error:
                yield self._failed(student, f"the file cannot be read ({error})")
                continue
            submission = self.cache.submission(student, data)
            if not force and student in scores and self._done(student) == submission:
                points, most = scores[student]
                words = f"{points:g} of {most:g} (graded before)"
                yield Outcome(student, True, words)
                continue
            try:
                notebook = repair.read(data)
            except repair.Unreadable as error:
                yield self._failed(student, str(error))
                continue
            self.notes[student] = repair.repair(notebook, self.sheet)
            waiting[student] = (notebook, submission)
        if waiting:
            yield from self._judge(waiting, jobs, force, scheduler)

    def _judge(self, waiting: dict, jobs, force, scheduler) -> Iterator[Outcome]:
        keys = {s: self.cache.key(s, nb) for s, (nb, _) in waiting.items()}
        known = {} if force else {s: self.cache.get(k) for s, k in keys.items()}
        jobs = min(jobs or processors(), len(waiting))
        engine = Dask(scheduler, self.walls) if scheduler else Local(jobs, self.walls)
        with engine:
            for student, (notebook, _) in waiting.items():
                if verdict := known.get(student):
                    self._record(student, verdict)
                    self._feedback(engine, student)
                else:
                    text = nbformat.writes(notebook)
                    task = (self.sheet, student, text)
                    engine.start(f"judge/{student}", "judge_submission", *task)
            for name, result in engine.results():
                step, _, student = name.partition("/")
                if isinstance(result, Exception):
                    yield self._failed(student, f"the grader failed on it: {result}")
                elif step == "judge":
                    self.cache.put(keys[student], result)
                    self._record(student, result)
                    self._feedback(engine, student)
                elif result:
                    yield self._failed(student, f"no feedback page: {result}")
                else:
                    self._finish(student, waiting[student][1])
                    yield self._outcome(student)

    def _record(self, student: str, verdict: dict) -> None:
        notebook = nbformat.reads(verdict["notebook"], as_version=4)
        path = self.course.notebook("submitted", student, self.homework)
        submitted = self.course.nbgrader.get_existing_timestamp(str(path.parent))
        with self.course.gradebook() as gradebook:
            ledger.record(
                *(self.course, gradebook, self.sheet, student, notebook, submitted)
            )
        notes = self.notes[student] + verdict["notes"]
        if not self.walls:
            notes.append(NO_WALLS)
        explain(notebook, notes)
        notebook.metadata["byhand"] = {
            "sandbox": self.walls,
            "seconds": verdict["seconds"],
        }
        graded = self.course.notebook("autograded", student, self.homework)
        write(graded, nbformat.writes(notebook))
        stamp = path.with_name("timestamp.txt")
        if stamp.exists():
            write(graded.with_name("timestamp.txt"), stamp.read_text())

    def _feedback(self, engine, student: str) -> None:
        task = (self.course.folder, self.homework, student)
        engine.start(f"feedback/{student}", "make_feedback", *task)

    def _mark(self, student: str) -> Path:
        return self.cache.folder / "graded" / student

    def _done(self, student: str) -> str:
        mark = self._mark(student)
        return mark.read_text() if mark.exists() else ""

    def _finish(self, student: str, submission: str) -> None:
        write(self._mark(student), submission)

    def _outcome(self, student: str) -> Outcome:
        with self.course.gradebook() as gradebook:
            submission = gradebook.find_submission(self.homework, student)
            words = f"{submission.score:g} of {submission.max_score:g}"
        if self.notes[student]:
            words += f" (put right: {len(self.notes[student])})"
        return Outcome(student, True, words)

    def _failed(self, student: str, reason: str) -> Outcome:
        """Zero points, marked for the instructor's eyes, and feedback that says why."""
        with self.course.gradebook() as gradebook:
            ledger.record(self.course, gradebook, self.sheet, student, None, None)
        page = self.course.notebook("feedback", student, self.homework)
        write_failure(page.with_suffix(".html"), self.homework, reason)
        return Outcome(student, False, f"NOT GRADED: {reason}")


def _scores(gradebook, homework: str) -> dict[str, tuple[float, float]]:
    found = gradebook.find_assignment(homework).submissions
    return {s.student_id: (s.score, s.max_score) for s in found}


@contextlib.contextmanager
def _only_run(course: Course):
    """One run at a time writes to a course."""
    with open(course.folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(
                f"Another run is grading in {course.folder}: wait until it is done."
            ) from None
        yield
