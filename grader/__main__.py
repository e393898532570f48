"""The instructor's commands: `grader release | collect | grade | report | …`."""

import argparse
import io
import sys
from pathlib import Path
from types import ModuleType

from grader import startup
from grader.course import root
from grader.errors import CourseError, SandboxError
from grader.judge.engine import Engine
from grader.judge.engines import ENGINES


def main(argv: list[str] | None = None) -> int:
    """Run one command; exit status 1 if any submission needs a look, 2 for misuse."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for names that are no text
    engine = None
    try:
        engine = _early_engine(options)
        return _commands().run(options, engine)
    except (CourseError, SandboxError) as error:
        words = str(error)
    except OSError as error:
        words = f"{error}.\nWhat is done stays. Mend that, and run the same command: it goes on."
    except KeyboardInterrupt:
        words = "Stopped. What is done stays: the same command goes on from there."
    finally:
        if engine:
            engine.close()
    print(words, file=sys.stderr)
    return 2


def _commands() -> ModuleType:
    """`grader.commands`, and with it nbgrader, in half the time that it takes otherwise."""
    startup.without_address_grammar()
    startup.without_server_extensions()
    with startup.no_search_for_garbage():
        from grader import commands
    return commands


def _early_engine(options: argparse.Namespace) -> Engine | None:
    """Where submissions will be judged, if it looks as if there were any to judge.

    Its processes import PyTorch while this one reads what was handed in.
    """
    if options.verb != "grade" or (options.engine, options.scheduler) != (
        "local",
        None,
    ):
        return None
    folder = root.folder(root.find(options.course), options.course)
    pattern = f"{options.homework}*"
    students = {path.parent.name for path in folder.glob(f"submitted/*/{pattern}")}
    done = {path.name for path in folder.glob(f"verdicts/{pattern}/graded/*")}
    anew = options.source or options.exchange or options.force
    known = any(folder.glob(f"verdicts/{pattern}/*.json"))
    due = not students <= done and (done or not known)  # or only the marks were lost
    return ENGINES["local"](options.walls, None) if anew or due else None


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
    verb.set_defaults(verb="release")

    verb = verbs.add_parser(
        "collect", help="take in a folder of submissions, or a platform's zip"
    )
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "source",
        type=_path,
        nargs="?",
        help="a platform's zip, or a folder of ada/…, ada.ipynb or ada.zip for each",
    )
    _people(verb)
    _exchange(verb)
    verb.set_defaults(verb="collect")

    verb = verbs.add_parser(
        "grade", help="grade what is new; write feedback and grades.csv"
    )
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "--from", dest="source", type=_path, help="collect this folder or zip first"
    )
    _people(verb)
    _exchange(verb)
    _judging(verb)
    verb.add_argument("--force", action="store_true", help="grade everything anew")
    verb.add_argument(
        "--engine",
        choices=list(ENGINES),
        default="local",
        help="where: on this machine, or on a Dask cluster (--scheduler)",
    )
    verb.add_argument(
        "--scheduler",
        metavar="tls://…",
        help="the cluster's address, tls://host:port or tcp://host:port",
    )
    verb.set_defaults(verb="grade")

    verb = verbs.add_parser(
        "report", help="write a page about the class: marks, exercises, what to look at"
    )
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "--what-if",
        action="store_true",
        help="instead, say whose marks the tests in solutions/ would change; record nothing",
    )
    _judging(verb)
    verb.set_defaults(verb="report")

    verb = verbs.add_parser(
        "marks", help="fill a platform's own file with the marks of a homework"
    )
    verb.add_argument("homework", help="e.g. hw1")
    verb.add_argument(
        "--into",
        type=_path,
        metavar="FILE",
        required=True,
        help="the file as exported: gradebook, worksheet or list (CSV); it is kept",
    )
    verb.add_argument("--column", default="", help="its title, if that is not clear")
    verb.add_argument(
        "--scale", action="store_true", help="to what the column is worth there"
    )
    verb.add_argument("--tests", action="store_true", help="a column for each test")
    verb.add_argument(
        "--comments", action="store_true", help="say what was not passed, too"
    )
    verb.add_argument(
        "--dry-run", dest="dry", action="store_true", help="only show what would change"
    )
    verb.set_defaults(verb="marks")

    verb = verbs.add_parser("export", help="write the marks to grades.csv")
    verb.set_defaults(verb="export")
    return parser


def _people(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--list",
        dest="people",
        type=_path,
        metavar="FILE",
        help="the platform's own list of people: gradebook, worksheet or roster, as CSV",
    )


def _judging(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--jobs", type=_count, help="how many at a time (default: all CPUs)"
    )
    verb.add_argument(
        "--no-sandbox",
        dest="walls",
        action="store_false",
        help="let students' code do all that you can do (the reports will say so)",
    )


def _exchange(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--from-exchange",
        dest="exchange",
        type=_path,
        metavar="FOLDER",
        help="collect from nbgrader's exchange (/usr/local/share/nbgrader/exchange)",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def _path(text: str) -> Path:
    return Path(text).expanduser()  # not every shell does that after a `=`


def command() -> None:
    """`main`, and the end of the process."""
    startup.end(main())


if __name__ == "__main__":
    command()
