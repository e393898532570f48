"""What the instructor's commands do, and what they print."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

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
from grader.grade import Change, grade, results, what_if
from grader.judge.engine import Engine
from grader.judge.engines import ENGINES
from grader.outcome import Outcome, Status
from grader.records.exports import export
from grader.records.marks import fill
from grader.records.report import outline
from grader.records.report_page import write_report


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
    _warn(options)
    failed = 0
    outcomes = grade(
        course,
        homework,
        jobs=options.jobs,
        force=options.force,
        walls=options.walls,
        engine=engine,
    )
    with _progress("grading", len(students)) as advance:
        for outcome in outcomes:
            failed += _show(outcome)
            advance()
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


def _warn(options: argparse.Namespace) -> None:
    if not options.walls:
        print("NO SANDBOX: students' code can do all that you can.", file=sys.stderr)


@contextmanager
def _progress(words: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; what is yielded moves it on by one."""
    screen = Console(stderr=True)
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=screen, transient=True)
    with bar if screen.is_terminal else nullcontext():
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


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


def _report(course: Course, options: argparse.Namespace, engine: Engine | None) -> int:
    homework = course.check(options.homework)
    if options.what_if:
        return _what_if(course, homework, options, engine)
    path, report = write_report(course, homework)
    if not report.handed_in:
        print(f"Nobody has handed in {homework} yet: collect a folder first.")
    print(f"Report: {path}")
    return 0


def _what_if(
    course: Course,
    homework: str,
    options: argparse.Namespace,
    engine: Engine | None,
) -> int:
    """Print whose marks the tests in solutions/ would change, and which."""
    _warn(options)
    students = course.students(homework)
    exercises = outline(course, homework)[1]
    tried = []
    trials = what_if(
        course, homework, jobs=options.jobs, walls=options.walls, engine=engine
    )
    with _progress("trying", len(students)) as advance:
        for trial in trials:
            advance()
            tried.append(trial)
    left_out = [t.outcome for t in tried if not t.outcome.ok]
    changed = sorted((t for t in tried if t.changes), key=lambda t: t.outcome.student)
    for outcome, changes in changed:
        before = (outcome.points or 0) - sum(_more(c) for c in changes)
        _say(f"{outcome.student:24} {before:g} → {outcome.points:g}")
        for change in changes:
            heading = exercises.get(change.test)
            place = f"{change.test} ({heading})" if heading else change.test
            was, now = ("-" if v is None else f"{v:g}" for v in change[2:])
            _say(f"{'':24}   {place}: {was} → {now}")
    for outcome in left_out:
        _say(f"{outcome.student:24} left out: {outcome.reason}")
    more = sum(sum(map(_more, t.changes)) > 0 for t in changed)
    less = sum(sum(map(_more, t.changes)) < 0 for t in changed)
    graded = len(tried) - len(left_out)
    print(f"\n{len(changed)} of {graded} would change: {more} up, {less} down.")
    print("Nothing was recorded. To record it: release, and grade.")
    return 0


def _more(change: Change) -> float:
    return (change.after or 0.0) - (change.before or 0.0)


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
    "report": _report,
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
