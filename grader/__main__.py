"""The instructor's commands: `grader release | collect | grade | export`."""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

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
from grader.course import Course, CourseError
from grader.exchange import collect_exchange
from grader.grade import export, grade, results
from grader.release import release
from grader.sandbox import SandboxError


def main(argv: list[str] | None = None) -> int:
    """Run one command; exit status 1 if any submission needs a look, 2 for misuse."""
    options = _parser().parse_args(argv)
    sys.stdout.reconfigure(errors="backslashreplace")  # for names that are no text
    course = None
    try:
        course = Course(options.course)
        return options.run(course, options)
    except (CourseError, SandboxError) as error:
        words = str(error)
    except SQLAlchemyError as error:
        words = str(course.no_gradebook(error))
    except OSError as error:
        words = f"{error}.\nWhat is done stays. Mend that, and run the same command: it goes on."
    except KeyboardInterrupt:
        words = "Stopped. What is done stays: the same command goes on from there."
    print(words, file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grader",
        description="Release, collect, grade and return homeworks.",
    )
    parser.add_argument(
        "--course",
        type=_path,
        metavar="FOLDER",
        help="the private folder of submissions and marks (default: course)",
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    verb = verbs.add_parser("release", help="write assignments/ from solutions/")
    verb.add_argument("homework", nargs="*", help="e.g. hw1 (default: all)")
    verb.set_defaults(run=_release)

    verb = verbs.add_parser("collect", help="take in a folder of submissions")
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "source",
        type=_path,
        nargs="?",
        help="holds ada/…, ada.ipynb or ada.zip for each student",
    )
    _exchange(verb)
    verb.set_defaults(run=_collect)

    verb = verbs.add_parser(
        "grade", help="grade what is new; write feedback and grades.csv"
    )
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "--from", dest="source", type=_path, help="collect this folder first"
    )
    _exchange(verb)
    verb.add_argument("--jobs", type=int, help="how many at a time (default: all CPUs)")
    verb.add_argument("--force", action="store_true", help="grade everything anew")
    verb.add_argument(
        "--engine",
        choices=["local", "dask"],
        default="local",
        help="where: on this machine, or on a Dask cluster (--scheduler)",
    )
    verb.add_argument("--scheduler", metavar="tcp://…", help="the cluster's address")
    verb.add_argument(
        "--no-sandbox",
        dest="walls",
        action="store_false",
        help="let students' code do all that you can do (the reports will say so)",
    )
    verb.set_defaults(run=_grade)

    verb = verbs.add_parser("export", help="write the marks to grades.csv")
    verb.set_defaults(run=_export)
    return parser


def _exchange(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--from-exchange",
        dest="exchange",
        type=_path,
        metavar="FOLDER",
        help="collect from nbgrader's exchange (/usr/local/share/nbgrader/exchange)",
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()  # not every shell does that after a `=`


def _release(course: Course, options) -> int:
    for name in options.homework or course.homeworks():
        print(f"Released {release(course, course.check(name))}")
    return 0


def _collect(course: Course, options) -> int:
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


def _grade(course: Course, options) -> int:
    homework = course.check(options.homework)
    if (options.engine == "dask") != bool(options.scheduler):
        raise CourseError("--engine dask goes with --scheduler tcp://host:port.")
    anew = options.source or options.exchange
    status = _collect(course, options) if anew else 0
    students = course.students(homework)
    if not students:
        raise CourseError(
            f"No submissions of {homework} in {course.folder}: collect a folder first."
        )
    if not options.walls:
        print("NO SANDBOX: students' code can do all that you can.", file=sys.stderr)
    failed = 0
    outcomes = grade(
        *(course, homework, options.jobs, options.force),
        *(options.walls, options.scheduler),
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


def _export(course: Course, options) -> int:
    print(f"Marks: {export(course)}")
    return 0


def _show(outcome: Outcome) -> int:
    print(f"{outcome.student:24} {outcome.words}", flush=True)
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main())
