"""Take submissions from nbgrader's exchange, where students put them themselves.

Whoever has an account can put anything there, under any student's name. So what counts
is who owns the files: the system says that, and a student cannot change it.
"""

import os
import pwd
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.utils import parse_utc

from grader.course import files
from grader.course.course import Course
from grader.course.names import check_name
from grader.course.starter import Starter
from grader.course.submission import (
    Found,
    Intake,
    moment,
    read_folder,
    refuse,
)
from grader.errors import CourseError, NotTheirs, Refused
from grader.outcome import Outcome, Status

SLACK = timedelta(hours=1)  # between the stamp in a folder's name and the clock


@dataclass
class Entry:
    """A folder ``<student>+<homework>+<time>+<random>`` of the inbound folder."""

    path: Path
    student: str
    time: datetime | None  # UTC; None: malformed


def collect_exchange(course: Course, homework: str, root: Path) -> list[Outcome]:
    """Copy each student's newest submission from the exchange to the course folder.

    A submission counts only for the account that owns it. One that cannot be taken is
    reported, and the student's newest before it counts.

    Args:
        root: the exchange, e.g. ``/usr/local/share/nbgrader/exchange``.

    Raises:
        CourseError: there is no exchange, nothing of this homework in it, or another run
            is at work.
    """
    inbound = root / course.nbgrader.course_id / "inbound"
    try:
        names = sorted(os.listdir(inbound))
    except OSError as error:
        raise CourseError(
            f"There is no exchange to collect from: {inbound} ({error.strerror})."
        ) from None
    entries = _newest_first(inbound, names, homework)
    if not entries:
        raise CourseError(f"Nobody has submitted {homework} to {inbound}.")
    outcomes: list[Outcome] = []
    done: set[str] = set()
    with course.alone(), Intake(course, homework) as intake:
        for entry in entries:
            if entry.student in done:
                continue
            try:
                found = _read(entry, intake.starter)
            except NotTheirs as error:  # and says nothing about the student
                outcomes.append(
                    Outcome(entry.student, Status.NOT_COLLECTED, reason=str(error))
                )
            except MemoryError:
                raise
            except Exception as error:  # whatever reading this one has led to
                outcomes.append(refuse(course, homework, entry.student, error))
            else:
                outcomes.append(intake.store(entry.student, found))
                done.add(entry.student)
    return sorted(outcomes, key=lambda outcome: outcome.student)


def _newest_first(inbound: Path, names: list[str], homework: str) -> list[Entry]:
    form = re.compile(rf"(.+?)\+{re.escape(homework)}\+([^+]+)(\+[^+]*)?", re.S)
    entries = []
    for name in names:
        if match := form.fullmatch(name):
            entries.append(Entry(inbound / name, match[1], _time(match[2])))
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(entries, key=lambda e: e.time or oldest, reverse=True)


def _time(text: str) -> datetime | None:
    try:
        return parse_utc(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, AttributeError):
        return None


def _read(entry: Entry, starter: Starter) -> Found:
    check_name(entry.student)
    _check_owner(entry, entry.path.lstat().st_uid)
    number = files.open_folder(entry.path)
    try:
        about = os.fstat(number)
        _check_owner(entry, about.st_uid)
        found = read_folder(number, starter)
        _check_owner(entry, found.owner)
        found.secret = _secret(number, about.st_uid)
    finally:
        os.close(number)
    changed = moment(about.st_ctime)
    found.time = entry.time or changed
    odd = ""
    if entry.time is None:
        odd = f"its time is malformed: {changed:%Y-%m-%d %H:%M} is taken"
    elif abs(changed - entry.time) > SLACK:
        odd = (
            f"it says {entry.time:%Y-%m-%d %H:%M}, but was last changed at "
            f"{changed:%Y-%m-%d %H:%M} UTC"
        )
    found.note = "; ".join(filter(None, (found.note, odd)))
    return found


def _secret(folder: int, owner: int) -> bytes | None:
    """The secret that nbgrader hands in along with a notebook, if there is a sound one."""
    try:
        content, about = files.read(Course.SECRET, folder)
    except (OSError, Refused):
        return None
    sound = about.st_uid == owner and re.fullmatch(rb"[0-9a-f]{32,256}", content)
    return content if sound else None


def _check_owner(entry: Entry, owner: int | None) -> None:
    try:
        account = pwd.getpwnam(entry.student).pw_uid
    except KeyError:
        raise NotTheirs(
            f"{entry.path.name}: there is no account {entry.student} here"
        ) from None
    if owner == account:
        return
    try:
        other = pwd.getpwuid(-1 if owner is None else owner).pw_name
    except (KeyError, OverflowError):
        other = f"user {owner}"
    raise NotTheirs(f"{entry.path.name}: it belongs to {other}")
