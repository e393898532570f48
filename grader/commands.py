"""What the instructor's commands do, and what they print."""

import sys
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

from grader.collect import Outcome, collect
from grader.course import Course
from grader.engine import Dask, Local
from grader.errors import CourseError
from grader.exchange import collect_exchange
from grader.grade import export, grade, results
from grader.release import release


def run(options, engine: Local | None = None) -> int:
    """Run the command that was parsed; its exit status.

    Args:
        engine: one that has been started already, if any.
    """
    course = Course(options.course)
    verbs = {"release": _release, "collect": _collect, "export": _export}
    try:
        return (verbs | {"grade": _grade})[options.verb](course, options, engine)
    except SQLAlchemyError as error:
        raise course.no_gradebook(error) from None


def _release(course: Course, options, engine) -> int:
    for name in options.homework or course.homeworks():
        print(f"Released {release(course, course.check(name))}")
    return 0


def _collect(course: Course, options, engine) -> int:
    homework = course.check(options.homework)
    if bool(options.source) == bool(options.exchange):
        raise CourseError("Say where from: a folder, or --from-exchange FOLDER.")
    failed = 0
    if options.source:
        outcomes = collect(course, homework, options.source)
    else:
        outcomes = collect_exchange(course, homework, options.exchange)
    for outcome in outcomes:
        failed += _show(outcome)
    if failed:
        print(f"{failed} not collected: see above.", file=sys.stderr)
    return 1 if failed else 0


def _grade(course: Course, options, engine) -> int:
    homework = course.check(options.homework)
    if (options.engine == "dask") != bool(options.scheduler):
        raise CourseError("--engine dask goes with --scheduler tcp://host:port.")
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
    if options.scheduler:
        engine = Dask(options.scheduler, options.walls)
    outcomes = grade(
        *(course, homework, options.jobs, options.force, options.walls, engine)
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
    print(f"Marks: {export(course)}")
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
    for name, points, share in found:
        bar = "█" * round(20 * share) + "░" * (20 - round(20 * share))
        table.add_row(name, f"{points:g}", f"{share:.0%}", bar)
    Console().print(table)


def _export(course: Course, options, engine) -> int:
    print(f"Marks: {export(course)}")
    return 0


def _show(outcome: Outcome) -> int:
    print(f"{outcome.student:24} {outcome.words}", flush=True)
    return 0 if outcome.ok else 1
