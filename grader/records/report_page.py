"""The instructor's page about a class: like a student's, nothing in it runs or is loaded."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from grader.course import files
from grader.course.course import Course
from grader.course.names import visible
from grader.records.alike import NEARLY
from grader.records.report import Report, gather

TEMPLATES = Path(__file__).with_name("templates")
SHOWN = 10  # rows of a table; the others open on a click
MESSAGES = 40
GROUPS = 20
LONG = 400  # characters of a message
SECTIONS = {
    "marks": ("Marks", "points"),
    "exercises": ("Exercises", "exercises"),
    "messages": ("What failed tests say", "messages"),
    "refused": ("Refused", "refused"),
    "look": ("Worth a look", "look"),
    "alike": ("Nearly the same", "points"),
    "repaired": ("Put right", "repaired"),
    "slow": ("The slowest", "slowest"),
    "absent": ("Handed in nothing", "absent"),
}


def write_report(course: Course, homework: str) -> tuple[Path, Report]:
    """Write a homework's report to the course folder; where it is, and its numbers.

    Raises:
        CourseError: another run is at work, or the gradebook cannot be used.
    """
    with course.alone():
        report = gather(course, homework)
        path = course.folder / "reports" / f"{homework}.html"
        files.write(path, rendered(report, _links(course, report)))
    return path, report


def rendered(report: Report, links: dict[str, str] | None = None) -> str:
    """The page.

    Args:
        links: where a student's own page lies, as seen from this one.
    """
    sections = [
        (k, words) for k, (words, part) in SECTIONS.items() if getattr(report, part)
    ]
    return (
        _environment()
        .get_template("report/index.html.j2")
        .render(
            report=report,
            links=links or {},
            sections=sections,
            tallest=max((bar.students for bar in report.bars), default=0) or 1,
            shown=SHOWN,
            most_messages=MESSAGES,
            most_groups=GROUPS,
            nearly=NEARLY,
            now=f"{datetime.now():%d %B %Y, %H:%M}",
        )
    )


def _links(course: Course, report: Report) -> dict[str, str]:
    found = {}
    for student in report.points:
        path = course.notebook("feedback", student, report.homework)
        path = path.with_suffix(".html")
        if path.exists():
            found[student] = f"../{quote(str(path.relative_to(course.folder)))}"
    return found


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "number": lambda value: f"{round(value, 2):g}",
        "percent": lambda share: f"{share:.0%}",
        "range": _range,
        "seconds": lambda value: f"{value:.1f} s",
        "short": lambda text: text if len(text) <= LONG else f"{text[:LONG]} …",
    }
    return environment


def _finalize(value: Any) -> Any:
    """What somebody else has written steers neither the page nor its direction."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


def _range(shares: tuple[float, float]) -> str:
    least, most = (f"{100 * share:.0f}" for share in shares)
    return f"{most}%" if least == most else f"{least}–{most}%"
