"""Take in what a learning platform gives out: its zip as downloaded, or the folder of it.

Which platform it is, the names of its files tell (`grader.course.platforms`). Who they
belong to, the platform's own list tells, if it is given (`grader.course.people`): then
everybody on it is in the gradebook, and who handed in nothing is said so.
"""

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from grader.course import files
from grader.course.course import Course
from grader.course.names import folded, student_name, visible
from grader.course.people import People, Person
from grader.course.platforms import Piece, Recognised, is_work, recognise
from grader.course.starter import Starter
from grader.course.submission import (
    DAMAGED,
    NOTEBOOK,
    Candidate,
    Found,
    Intake,
    choose,
    left_by_tools,
    moment,
    nothing_in,
    read_archive,
    refuse,
)
from grader.errors import CourseError, Refused
from grader.notebook.decoding import HOW
from grader.outcome import Outcome, Status

MAX_MEMBERS = 500_000  # files of a whole class's download
MAX_DEPTH = 20  # folders in folders
HANDED_IN_NOTHING = "on the list, and handed in nothing"


@dataclass
class Download:
    """The files of a platform's download.

    Args:
        name: what it is called.
        paths: of its files, with "/" between folders.
        fetch: the bytes of one, and what the system says of the file that holds them.
        repositories: whether its folders are clones.
    """

    name: str
    paths: list[str]
    fetch: Callable[[str], tuple[bytes, os.stat_result]]
    repositories: bool = False

    def read(self, path: str) -> bytes:
        """The bytes of a file, by its path."""
        return self.fetch(path)[0]

    def recognised(self) -> Recognised | None:
        return recognise(self.paths, self.read, self.repositories)


@contextmanager
def opened(source: Path) -> Iterator[Download]:
    """A download's files, be it a zip or a folder.

    Raises:
        CourseError: there is none, it is empty, or it is damaged.
    """
    with ExitStack() as stack:
        if source.is_dir():
            yield _folder(source, stack)
        else:
            yield _zip(source, stack)


def _zip(source: Path, stack: ExitStack) -> Download:
    try:
        file: BinaryIO = stack.enter_context(source.open("rb"))
        about = os.fstat(file.fileno())
        archive = stack.enter_context(zipfile.ZipFile(file))
        infos = archive.infolist()
    except OSError as error:
        raise CourseError(
            f"{source} cannot be read: {error.strerror or error}."
        ) from None
    except DAMAGED as error:
        raise CourseError(
            f"{source.name} is no zip archive, or a damaged one ({str(error)[:100]}): "
            "download it again."
        ) from None
    members: dict[str, zipfile.ZipInfo] = {}
    twice: set[str] = set()
    if len(infos) > MAX_MEMBERS:
        raise CourseError(f"{source.name} holds more than {MAX_MEMBERS:,} files.")
    for member in infos:
        path = member.filename.replace("\\", "/")
        if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
            continue
        if any(left_by_tools(part) for part in PurePosixPath(path).parts):
            continue
        if path in members:
            twice.add(path)
        members[path] = member

    def read(path: str) -> tuple[bytes, os.stat_result]:
        if path in twice:
            raise Refused("the archive holds two files of that name")
        member = members[path]
        files.check_size(member.file_size)
        with archive.open(member) as inner:  # the size that it says may be a lie
            data = inner.read(files.MAX_BYTES + 1)
        files.check_size(len(data))
        return data, about

    return Download(source.name, list(members), read)


def _folder(source: Path, stack: ExitStack) -> Download:
    number = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
    stack.callback(os.close, number)
    paths = []
    clones = set()
    for top, folders, names, here in os.fwalk(".", dir_fd=number):
        if ".git" in folders:
            clones.add(PurePosixPath(top).name)
        deep = len(PurePosixPath(top).parts) >= MAX_DEPTH
        folders[:] = [n for n in folders if not deep and not left_by_tools(n)]
        for name in names:
            with suppress(OSError):  # it has gone meanwhile
                kind = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
                if stat.S_ISREG(kind) and not left_by_tools(name):
                    paths.append(str(PurePosixPath(top, name)))
            if len(paths) > MAX_MEMBERS:
                raise CourseError(f"{source} holds more than {MAX_MEMBERS:,} files.")

    def read(path: str) -> tuple[bytes, os.stat_result]:
        return files.read(PurePosixPath(path), number)

    def cloned(path: str) -> bool:
        return any(part in clones for part in PurePosixPath(path).parts[:-1])

    # all that hold work, so that one student's own clone tells nothing
    all_cloned = bool(clones) and all(cloned(p) for p in paths if is_work(p))
    repositories = all_cloned or source.name.endswith("-submissions")
    return Download(source.name, sorted(paths), read, repositories)


@dataclass
class Claim:
    """Somebody's files: who it is, what they are called in messages, the files."""

    student: str
    said: str
    pieces: list[tuple[str, Piece]]
    others: set[str] = field(default_factory=set)  # spellings of the same name


def collect_download(
    course: Course,
    homework: str,
    download: Download,
    known: Recognised,
    people: People | None,
) -> list[Outcome]:
    """Put each person's last attempt in its place; one outcome for each.

    Raises:
        CourseError: nobody can be told without the platform's list, or another run is
            at work.
    """
    platform = known.platform
    if platform.needs and people is None:
        raise CourseError(
            f"{download.name} looks like {platform.name}: its names say who handed "
            f"in by what is good for this one download only. Give {platform.needs} as "
            "well: --list FILE."
        )
    outcomes: list[Outcome] = []
    claims: dict[str, Claim] = {}
    for path in download.paths:
        inner = path.removeprefix(known.start)
        piece = known.split(inner) if path.startswith(known.start) else None
        if piece is None:
            if is_work(path):
                reason = f"not named as {platform.name} names files: whose is it?"
                outcomes.append(_unknown(path, reason))
            continue
        if not piece.keys and is_work(path) and not piece.blank:
            reason = f"{platform.name} does not say whose it is"
            outcomes.append(_unknown(path, reason))
        for keys in piece.keys:
            _claim(claims, outcomes, path, piece, keys, people)
    with course.alone():
        with Intake(course, homework) as intake:
            for claim in claims.values():
                outcomes.append(_take(intake, download, claim, platform.dated))
        if people:
            register(course, people)
    if people:
        there = {folded(claim.student) for claim in claims.values()}
        there |= {folded(student) for student in course.students(homework)}
        outcomes += [
            Outcome(person.student, Status.ABSENT, note=HANDED_IN_NOTHING)
            for person in people.people
            if not there & set(map(folded, person.ids))
        ]
    return outcomes


def people_in(known: Recognised, paths: list[str]) -> int:
    """How many people's files these are."""
    pieces = (known.split(p.removeprefix(known.start)) for p in paths)
    return len({keys for piece in pieces if piece for keys in piece.keys})


def _unknown(path: str, reason: str) -> Outcome:
    return Outcome(visible(path)[:60], Status.NOT_COLLECTED, reason=reason)


def _claim(
    claims: dict[str, Claim],
    outcomes: list[Outcome],
    path: str,
    piece: Piece,
    keys: tuple[tuple[str, str], ...],
    people: People | None,
) -> None:
    """Note whose a file is; or that nobody can say."""
    if people is None:
        name = keys[0][1]
        claim = claims.setdefault(folded(name), Claim(name, piece.said, []))
        claim.others |= {name} - {claim.student}
        claim.pieces.append((path, piece))
        return
    found: list[Person] = []
    for kind, value in keys:
        found = people.find(kind, value) if value else []
        if found:
            break
    reason = ""
    if not found:
        reason = f"{piece.said or keys[0][1]} is not on {people.path.name}"
    elif len(found) > 1 and kind != "group":
        rows = ", ".join(str(person.row + 1) for person in found)
        reason = f"several on {people.path.name} could be meant (lines {rows})"
    if reason:
        if is_work(path):
            outcomes.append(_unknown(path, reason))
        return
    for person in found:
        key = f"person:{person.student}"
        claim = claims.setdefault(key, Claim(person.student, piece.said, []))
        claim.pieces.append((path, piece))


def _take(intake: Intake, download: Download, claim: Claim, dated: bool) -> Outcome:
    try:
        student = student_name(claim.student)
        if claim.others:
            names = ", ".join(sorted({claim.student, *claim.others}))
            raise Refused(
                f"handed in by names that are one and the same on some computers "
                f"({names}): give one of them another name"
            )
        found = _found(download, claim, intake.starter, dated)
    except MemoryError:
        raise
    except Exception as error:  # whatever reading this one has led to
        return refuse(intake.course, intake.homework, claim.student, error)
    return intake.store(student, found)


def _found(download: Download, claim: Claim, starter: Starter, dated: bool) -> Found:
    """A person's last attempt: its notebook, when it was handed in, what there is to say."""
    last = max(piece.attempt for _, piece in claim.pieces)
    now = [(path, piece) for path, piece in claim.pieces if piece.attempt == last]
    own = [(path, piece) for path, piece in now if not piece.blank]
    time = next((piece.time for _, piece in own if piece.time), None)
    late = any(piece.late for _, piece in own)
    notes = ["late, by the platform"] if late else []
    before = len({piece.attempt for _, piece in claim.pieces}) - 1
    if before:
        notes.append(f"the last of {before + 1} attempts")
    candidates = []
    for path, piece in own:
        if NOTEBOOK.fullmatch(piece.inner.name):
            read = partial(_notebook, download, path)
            candidates.append(Candidate(piece.inner, read))
    archives = [p for p, piece in own if piece.inner.suffix.lower() == ".zip"]
    if not candidates and len(archives) == 1:
        content, about = download.fetch(archives[0])
        found = read_archive(io.BytesIO(content), about, starter)
    elif candidates:
        found = choose(candidates, starter)
    else:
        if not own and now:
            raise Refused(f"text was handed in, and no file: {HOW}")
        others = {piece.inner: path for path, piece in own}
        raise nothing_in(list(others), lambda inner: download.read(others[inner]))
    time = time or (found.time if dated else None)
    return replace(found, time=time, note="; ".join(filter(None, (*notes, found.note))))


def _notebook(download: Download, path: str) -> Found:
    content, about = download.fetch(path)
    return Found(content, moment(about.st_mtime))


def register(course: Course, people: People) -> None:
    """Put everybody on the list into the gradebook, with their names."""
    with course.gradebook() as gradebook:
        for person in people.people:
            said = {
                "first_name": person.first,
                "last_name": person.last,
                "email": person.email,
            }
            known = {name: value for name, value in said.items() if value}
            gradebook.update_or_create_student(person.student, **known)
