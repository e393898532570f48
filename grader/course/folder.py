"""Take a folder of submissions into the course. What was handed in is never changed.

Two tables say what is understood: ``NAMES``, how files are called (a platform's way of
naming them is one entry there), and ``READERS``, what they are.
"""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from grader.course import files
from grader.course.course import Course
from grader.course.download import Download, collect_download, opened, people_in
from grader.course.names import folded, student_name, visible
from grader.course.people import People
from grader.course.platforms import Recognised, by_people, is_work
from grader.course.starter import Starter
from grader.course.submission import (
    MAX_ARCHIVE,
    NOTEBOOK,
    Found,
    Intake,
    left_by_tools,
    moment,
    read_archive,
    read_folder,
    refuse,
    stem,
)
from grader.errors import CourseError, Refused
from grader.notebook.decoding import HOW, what_it_is
from grader.outcome import Outcome


class Naming(NamedTuple):
    """A way to name submissions.

    Args:
        whose: who does so.
        pattern: of the name without its ending; ``{homework}`` stands for the homework's
            name, the group ``student`` for the student's.
        example: such a name; of the student ada, for hw1_backprop.
        folders: whether folders are named like that.
        files: whether notebooks and archives are.
    """

    whose: str
    pattern: str
    example: str
    folders: bool = True
    files: bool = True


# the first that fits counts
NAMES = (
    Naming(
        "some platforms, also for what was handed in again",
        r"(?P<student>.+)_{homework}(?:-\d{1,3}|[ _-]?\(\d{1,3}\)|[ -]+Copy ?\d{0,3})?",
        "ada_hw1_backprop-1",
        False,
    ),
    Naming("people", "(?P<student>.+)", "ada"),
)


class Entry(NamedTuple):
    """What lies in the folder: where, by what name of a student, whose it is for us."""

    path: Path
    raw: str
    student: str


def collect(
    course: Course,
    homework: str,
    source: Path,
    people: Path | None = None,
    say: Callable[[str], object] = lambda words: None,
) -> list[Outcome]:
    """Copy submissions to the course folder; one outcome per student.

    The source is what a platform gives out (`grader.course.download`), as zip or
    folder; or a folder of one's own. An entry of that is a folder ``ada/`` (holding the
    notebook, at any depth), a notebook ``ada.ipynb`` or ``ada_hw1_backprop.ipynb``, or
    an archive ``ada.zip``. A submission that differs from the student's earlier one
    takes its place; the earlier one is kept in ``earlier/``.

    Args:
        people: the platform's list of the course's people, a file.
        say: takes words for the instructor.

    Raises:
        CourseError: there is no such folder or file, it is empty, people cannot be told
            without a list, or another run is at work.
    """
    if not source.exists():
        raise CourseError(f"There is no folder {source} to collect from.")
    listed = People(people) if people else None
    if listed:
        say(f"{listed.path.name} is {listed.kind}, with {len(listed.people)} people.")
        if remark := listed.remark():
            say(remark)
    if source.is_dir():
        paths = [p for p in sorted(source.iterdir()) if not left_by_tools(p.name)]
        if not paths:
            raise CourseError(f"The folder {source} is empty.")
        if len(paths) == 1 and _people_in(paths[0]) > 1:
            source = paths[0]
    with opened(source) as download:
        if not download.paths and not source.is_dir():
            raise CourseError(f"There is nothing in {source}.")
        known = download.recognised()
        if known:
            say(f"{download.name} comes from {known.platform.name}.")
        elif listed or not source.is_dir():
            known = _as_people_named(download, homework)
        if known:
            return collect_download(course, homework, download, known, listed)
    return _collect_folder(course, homework, paths)


def _people_in(path: Path) -> int:
    """Of how many people's work a platform's archive consists; 0 if it is none."""
    if path.is_symlink() or path.suffix.lower() != ".zip":
        return 0
    try:
        with opened(path) as download:
            known = download.recognised()
            return people_in(known, download.paths) if known else 0
    except CourseError:
        return 0


def _as_people_named(download: Download, homework: str) -> Recognised:
    """Folders and files with people's names, in one folder or in none."""
    first = {path.partition("/")[0] for path in download.paths if "/" in path}
    outer = len(first) == 1 and all("/" in path for path in download.paths)
    inside = {p.split("/")[1] for p in download.paths} if outer else set()
    start = f"{first.pop()}/" if outer and len(inside) > 1 else ""
    platform = by_people(lambda name: named_student(name, not is_work(name), homework))
    return Recognised(platform, platform.begin(download.paths, download.read), start)


def _collect_folder(course: Course, homework: str, paths: list[Path]) -> list[Outcome]:
    groups: dict[str, list[Entry]] = {}
    for path in paths:
        entry = _entry(path, homework)
        groups.setdefault(folded(entry.student), []).append(entry)
    outcomes = []
    with course.alone(), Intake(course, homework) as intake:
        for entries in groups.values():
            student = entries[0].student
            try:
                found = _found(entries, intake.starter)
            except MemoryError:
                raise
            except Exception as error:  # whatever reading this one has led to
                counts = any(_counts(course, entry, homework) for entry in entries)
                outcomes.append(refuse(course, homework, student, error, counts))
            else:
                outcomes.append(intake.store(student, found))
    return outcomes


def student_of(path: Path, homework: str) -> str:
    """Whose a submission is, by the name of its folder or file, as it stands there."""
    return named_student(path.name, path.is_dir(), homework)


def named_student(called: str, folder: bool, homework: str) -> str:
    """Whose a folder or file of that name is."""
    name = called if folder else stem(called)
    for naming in NAMES:
        if naming.folders if folder else naming.files:
            pattern = naming.pattern.replace("{homework}", re.escape(homework))
            if match := re.fullmatch(pattern, name, re.DOTALL):
                return match["student"]
    return name


def _entry(path: Path, homework: str) -> Entry:
    raw = student_of(path, homework)
    try:
        return Entry(path, raw, student_name(raw))
    except Refused:
        return Entry(path, raw, raw)


def _counts(course: Course, entry: Entry, homework: str) -> bool:
    """Whether it looks like a submission: by what it is, or by whose it is."""
    known = any(reader.takes(entry.path) for reader in READERS)
    named = entry.raw != stem(entry.path.name) or homework in entry.path.name
    return known or named or any(course.folder.glob(f"submitted/{entry.student}/*"))


def _found(entries: list[Entry], starter: Starter) -> Found:
    """A student's submission, from all that lies there under their name."""
    student_name(entries[0].raw)
    if len(entries) == 1:
        return _read(entries[0].path, starter)
    names = ", ".join(entry.path.name for entry in entries)
    if len({entry.student for entry in entries}) > 1:
        raise Refused(
            f"handed in several times ({names}), by names that are one and the same on "
            "some computers: keep one, or give the other another name"
        )
    worked: list[Found | None] = []
    untouched: list[str] = []
    for entry in entries:
        try:
            found = _read(entry.path, starter)
        except (Refused, OSError):
            worked.append(None)
            continue
        if starter.is_untouched(found.content):
            untouched.append(entry.path.name)
        else:
            worked.append(found)
    if len(worked) == 1 and worked[0]:
        left = f"{', '.join(untouched)}: no work in it, and left out"
        note = "; ".join(filter(None, (left, worked[0].note)))
        return replace(worked[0], note=visible(note))
    works = {starter.work(found.content) if found else "" for found in worked}
    if len(works) == 1 and worked[0] and "" not in works:
        return replace(
            worked[0], note=f"handed in several times, all the same ({names})"
        )
    raise Refused(f"handed in several times ({names}): keep one")


def _read(path: Path, starter: Starter) -> Found:
    """The submitted notebook."""
    if path.is_symlink():
        raise Refused("it is a link: put the file itself there")
    for reader in READERS:
        if reader.takes(path):
            return reader.read(path, starter)
    kinds = ", ".join(reader.what for reader in READERS[:-1])
    expected = f"expected {kinds} or {READERS[-1].what}"
    with files.opened(path, None, files.MAX_BYTES) as (file, _):
        kind = what_it_is(file.read(100_000))
    raise Refused(f"it is {kind}; {expected}: {HOW}" if kind else expected)


def _folder(path: Path, starter: Starter) -> Found:
    number = files.open_folder(path)
    try:
        return read_folder(number, starter)
    finally:
        os.close(number)


def _notebook(path: Path, starter: Starter) -> Found:
    content, about = files.read(path)
    return Found(content, moment(about.st_mtime))


def _archive(path: Path, starter: Starter) -> Found:
    several = _people_in(path)
    if several > 1:
        raise Refused(
            f"it holds the work of {several} people, as a platform gives it out: collect "
            "that archive itself"
        )
    with files.opened(path, None, MAX_ARCHIVE) as (file, about):
        return read_archive(file, about, starter)


class Reader(NamedTuple):
    """What an entry of the folder may be."""

    what: str
    takes: Callable[[Path], bool]
    read: Callable[[Path, Starter], Found]


READERS = (
    Reader("a folder", Path.is_dir, _folder),
    Reader(
        "a notebook (.ipynb)",
        lambda path: bool(NOTEBOOK.fullmatch(path.name)),
        _notebook,
    ),
    Reader("an archive (.zip)", lambda path: path.suffix.lower() == ".zip", _archive),
)
