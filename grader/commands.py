"""What the instructor's commands do, and what they print."""

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from grader.course.course import Course
from grader.course.exchange import collect_exchange
from grader.course.folder import collect
from grader.course.names import visible
from grader.course.release import release
from grader.errors import CourseError
from grader.grade import grade, results
from grader.judge.engine import Engine
from grader.judge.engines import ENGINES
from grader.outcome import Outcome, Status
from grader.records.exports import export
from grader.records.marks import fill


def run(options: argparse.Namespace, engine: Engine | None = None) -> int:
    """Run the command that was parsed; its exit status.

    Args:
        engine: one that has been started already, if any.

    Raises:
        CourseError, SandboxError: with words for the instructor.
    """
    course = Course(options.course)
    try:
        return VERBS[options.verb](course, options, engine)
    except SQLAlchemyError as error:
        raise course.no_gradebook(error) from None


def _release(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    for name in options.homework or course.homeworks():
        print(f"Released {release(course, course.check(name))}")
    return 0


def _collect(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    homework = course.check(options.homework)
    if bool(options.source) == bool(options.exchange):
        raise CourseError("Say where from: a folder, or --from-exchange FOLDER.")
    if options.source:
        outcomes = collect(course, homework, options.source, options.people, _say)
    else:
        outcomes = collect_exchange(course, homework, options.exchange)
    failed = 0
    for outcome in outcomes:
        failed += _show(outcome)
    if failed:
        print(f"{failed} not collected: see above.", file=sys.stderr)
    return 1 if failed else 0


def _say(words: str) -> None:
    print(visible(words), flush=True)


def _grade(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    homework = course.check(options.homework)
    if engine is None and (options.engine, options.scheduler) != ("local", None):
        engine = ENGINES[options.engine](options.walls, options.scheduler)
    anew = options.source or options.exchange
    status = _collect(course, options, engine) if anew else 0
    students = course.students(homework)
    if not students:
        raise CourseError(
            f"No submissions of {homework} in {course.folder}: collect a folder first."
        )
    if not options.walls:
        print("NO SANDBOX: students' code can do all that you can.", file=sys.stderr)
    failed = 0
    outcomes = grade(
        course,
        homework,
        jobs=options.jobs,
        force=options.force,
        walls=options.walls,
        engine=engine,
    )
    screen = Console(stderr=True)
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=screen, transient=True)
    with bar if screen.is_terminal else nullcontext():
        task = bar.add_task("", total=len(students))
        for outcome in outcomes:
            failed += _show(outcome)
            bar.advance(task)
    total = len(students)
    print(f"\n{total - failed} of {total} graded.")
    _summary(course, homework)
    _export(course, options, engine)
    print(f"Feedback: {course.folder / 'feedback'}/*/{homework}/{homework}.html")
    if failed:
        print(
            f"{failed} NOT GRADED, or without feedback (see above): mend and grade "
            "again, or mark them in the formgrader.",
            file=sys.stderr,
        )
    return 1 if failed else status


def _summary(course: Course, homework: str) -> None:
    """Print how the class did, test by test."""
    found = results(course, homework)
    if not found:  # all is marked by hand
        return
    table = Table("test", "points", "passed", "", title=None, box=None)
    for column in table.columns[1:3]:
        column.justify = "right"
    for test in found:
        full = round(20 * test.share)
        bar = "█" * full + "░" * (20 - full)
        table.add_row(test.test, f"{test.points:g}", f"{test.share:.0%}", bar)
    Console().print(table)


def _export(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    for path in export(course):
        print(f"Marks: {path}")
    return 0


def _marks(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    homework = course.check(options.homework)
    done = fill(
        course,
        homework,
        options.into,
        column=options.column,
        scale=options.scale,
        tests=options.tests,
        comments=options.comments,
        dry=options.dry,
    )
    _say(f"{options.into.name} is {done.kind}; the marks go to {done.column!r}.")
    for change in done.changes:
        note = f" ({change.note})" if change.note else ""
        _say(f"{change.student:24} {change.before or '-'} → {change.after}{note}")
    print(f"\n{len(done.changes)} to change, {done.kept} as they are.")
    for student, why in done.skipped:
        _say(f"{student:24} left out: {why}")
    for student in done.missing:
        _say(f"{student:24} has marks, but is not in {options.into.name}")
    if done.path:
        print(f"Upload: {done.path}")
    else:
        print("Nothing was written (--dry-run).")
    return 1 if done.missing or done.skipped else 0


Verb = Callable[[Course, argparse.Namespace, Engine | None], int]
VERBS: dict[str, Verb] = {
    "release": _release,
    "collect": _collect,
    "grade": _grade,
    "marks": _marks,
    "export": _export,
}


def _show(outcome: Outcome) -> int:
    print(visible(f"{outcome.student:24} {sentence(outcome)}"), flush=True)
    return 0 if outcome.ok else 1


def sentence(outcome: Outcome) -> str:
    """An outcome in words."""
    note = f" ({outcome.note})" if outcome.note else ""
    marks = ""
    if outcome.points is not None and outcome.most is not None:
        marks = f"{outcome.points:g} of {outcome.most:g}"
    if outcome.by_hand:
        marks += f"; {outcome.by_hand} parts are marked by hand"
    if outcome.repaired:
        marks += f" (put right: {outcome.repaired})"
    match outcome.status:
        case Status.COLLECTED:
            return f"collected{note}"
        case Status.REPLACED:
            return f"replaced; the earlier one is kept in {outcome.earlier}{note}"
        case Status.UNCHANGED:
            return f"unchanged{note}"
        case Status.ABSENT:
            return f"0 points: {outcome.note}"
        case Status.NOT_COLLECTED:
            return f"NOT COLLECTED: {outcome.reason}"
        case Status.GRADED:
            return f"{marks}{note}"
        case Status.GRADED_BEFORE:
            return f"{marks} (graded before)"
        case Status.NO_FEEDBACK:
            return f"{marks}, but NO FEEDBACK: {outcome.reason}"
        case Status.NOT_GRADED:
            return f"NOT GRADED: {outcome.reason}"
