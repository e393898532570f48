"""Take a folder of submissions into the course. What was handed in is never changed.

Two tables say what is understood: ``NAMES``, how files are called (a platform's way of
naming them is one entry there), and ``READERS``, what they are.
"""

import os
import re
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from grader.course import files
from grader.course.course import Course
from grader.course.submission import (
    ERRORS,
    Found,
    check_name,
    choose,
    read_folder,
    refuse,
    renamed,
    store,
)
from grader.errors import CourseError, Refused
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
    Naming("some platforms", "(?P<student>.+)_{homework}", "ada_hw1_backprop", False),
    Naming("people", "(?P<student>.+)", "ada"),
)


def collect(course: Course, homework: str, source: Path) -> list[Outcome]:
    """Copy submissions to the course folder; one outcome per entry of ``source``.

    An entry is a folder ``ada/`` (holding the notebook, at any depth), a notebook
    ``ada.ipynb`` or ``ada_hw1_backprop.ipynb``, or an archive ``ada.zip``. A
    submission that differs from the student's earlier one takes its place; the earlier
    one is kept in ``earlier/``.

    Raises:
        CourseError: there is no such folder, it is empty, or another run is at work.
    """
    if not source.is_dir():
        raise CourseError(f"There is no folder {source} to collect from.")
    entries = [p for p in sorted(source.iterdir()) if not p.name.startswith(".")]
    if not entries:
        raise CourseError(f"The folder {source} is empty.")
    names = [student_of(path, homework) for path in entries]
    outcomes = []
    with course.alone():
        for path, student in zip(entries, names, strict=True):
            same = [p.name for p, n in zip(entries, names, strict=True) if n == student]
            try:
                found = _read(path, student, homework, same)
            except ERRORS as error:
                counts = any(reader.takes(path) for reader in READERS)
                outcomes.append(refuse(course, homework, student, error, counts))
            else:
                outcomes.append(store(course, homework, student, found))
    return outcomes


def student_of(path: Path, homework: str) -> str:
    """Whose a submission is, by the name of its folder or file."""
    folder = path.is_dir()
    name = path.name if folder else path.name.removesuffix(path.suffix)
    for naming in NAMES:
        if naming.folders if folder else naming.files:
            pattern = naming.pattern.replace("{homework}", re.escape(homework))
            if match := re.fullmatch(pattern, name, re.DOTALL):
                return match["student"]
    return name


def _read(path: Path, student: str, homework: str, same: list[str]) -> Found:
    """The submitted notebook."""
    check_name(student)
    if len(same) > 1:
        raise Refused(f"handed in several times ({', '.join(same)}): keep one")
    if path.is_symlink():
        raise Refused("it is a link: put the file itself there")
    for reader in READERS:
        if reader.takes(path):
            return reader.read(path, homework)
    kinds = ", ".join(reader.what for reader in READERS[:-1])
    raise Refused(f"expected {kinds} or {READERS[-1].what}")


def _folder(path: Path, homework: str) -> Found:
    number = files.open_folder(path)
    try:
        return read_folder(number, homework)
    finally:
        os.close(number)


def _notebook(path: Path, homework: str) -> Found:
    content, about = files.read(path)
    return Found(content, datetime.fromtimestamp(about.st_mtime, UTC))


def _archive(path: Path, homework: str) -> Found:
    with zipfile.ZipFile(path) as archive:
        members = {
            Path(m.filename): m
            for m in archive.infolist()
            if m.filename.endswith(".ipynb")
            and "__MACOSX" not in m.filename
            and not stat.S_ISLNK(m.external_attr >> 16)
        }
        chosen = choose(list(members), homework)
        member = members[chosen]
        files.check_size(member.file_size)
        with archive.open(member) as file:  # the size that it says may be a lie
            content = file.read(files.MAX_BYTES + 1)
        files.check_size(len(content))
    try:
        time = datetime(*member.date_time, tzinfo=UTC)
    except ValueError:
        time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Found(content, time, note=renamed(chosen, homework))


class Reader(NamedTuple):
    """What an entry of the folder may be; ``read`` raises ``ERRORS``."""

    what: str
    takes: Callable[[Path], bool]
    read: Callable[[Path, str], Found]


READERS = (
    Reader("a folder", Path.is_dir, _folder),
    Reader("a notebook (.ipynb)", lambda path: path.suffix == ".ipynb", _notebook),
    Reader("an archive (.zip)", lambda path: path.suffix == ".zip", _archive),
)
