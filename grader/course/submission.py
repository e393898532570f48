"""One student's submission: what there is of it, where it is kept, why it is not."""

import contextlib
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from grader.course import files
from grader.course.course import Course
from grader.course.names import folded, is_name, visible
from grader.course.starter import Starter
from grader.errors import Refused
from grader.notebook.decoding import HOW, what_it_is
from grader.outcome import Outcome, Status

MAX_FILES = 10_000  # in one student's folder
MAX_ARCHIVE = 300_000_000  # bytes
MAX_CHOICE = 8  # notebooks of one student that are looked into
LONG_BEFORE = timedelta(days=180)
ZONES = timedelta(hours=15)  # an archive's own times are local, of no known zone
STAMP = "%Y-%m-%d %H:%M:%S UTC"  # as nbgrader writes timestamp.txt
NOTEBOOK = re.compile(r"(?is)(.+)\.ipynb(?:\.txt|\.json|\.gz)?")
# what tools and systems leave beside and around the work; and all that begins with a dot
LEFT_BY_TOOLS = {
    *("__macosx", "desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r", "$recycle.bin"),
    *("system volume information", "__pycache__", "node_modules", "lost+found"),
}


@dataclass
class Found:
    """A submitted notebook: its bytes, when it was written (UTC), its owner, a remark.

    ``time`` is None where nobody can say; it is not late then. ``secret`` is the exchange's: feedback finds its way back by it.
    """

    content: bytes
    time: datetime | None
    owner: int | None = None
    note: str = ""
    secret: bytes | None = None


class Candidate(NamedTuple):
    """A notebook that may be meant: where it lies, and how to read it."""

    path: PurePosixPath
    read: Callable[[], Found]


def left_by_tools(name: str) -> bool:
    """Whether a file or folder of that name is no work of anybody's."""
    return name.startswith((".", "~$")) or name.lower() in LEFT_BY_TOOLS


def stem(name: str) -> str:
    """A file's name without what shows that it is a notebook, or its ending."""
    match = NOTEBOOK.fullmatch(name)
    return match[1] if match else name.removesuffix(PurePosixPath(name).suffix)


def moment(seconds: float) -> datetime:
    """A time of a file's (UTC); now, if a disk gives one that cannot be."""
    now = datetime.now(UTC)
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return now
    return found if found.year >= 1980 and found <= now + timedelta(days=1) else now


def read_folder(number: int, starter: Starter) -> Found:
    """The notebook in an open folder, at any depth; links are not followed.

    Raises:
        Refused: there is none, or there are several, or too many files.
        OSError: something in it cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error

    found: list[Candidate] = []
    others: list[PurePosixPath] = []
    seen = 0
    for top, folders, names, here in os.fwalk(
        ".", dir_fd=number, follow_symlinks=False, onerror=stop
    ):
        folders[:] = [name for name in folders if not left_by_tools(name)]
        seen += len(names)
        if seen > MAX_FILES:
            raise Refused(f"there are more than {MAX_FILES:,} files in it")
        for name in names:
            kind = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
            if left_by_tools(name) or not stat.S_ISREG(kind):
                continue
            path = PurePosixPath(top, name)
            if NOTEBOOK.fullmatch(name):
                found.append(Candidate(path, partial(_file, path, number)))
            else:
                others.append(path)
    if found:
        return choose(found, starter)
    archives = [path for path in others if path.suffix.lower() == ".zip"]
    if len(archives) == 1:
        with files.opened(archives[0], number, MAX_ARCHIVE) as (file, about):
            inner = read_archive(file, about, starter)
        return replace(inner, owner=about.st_uid)
    raise nothing_in(others, lambda path: files.read(path, number)[0])


def _file(path: PurePosixPath, folder: int | None) -> Found:
    content, about = files.read(path, folder)
    return Found(content, moment(about.st_mtime), about.st_uid)


def read_archive(file: BinaryIO, about: os.stat_result, starter: Starter) -> Found:
    """The notebook in a zip archive.

    Its time is that of the archive: what stands in it, whoever made it can write.

    Raises:
        Refused: there is none, there are several, or the archive is damaged.
    """
    time = moment(about.st_mtime)
    try:
        with zipfile.ZipFile(file) as archive:
            return _in_archive(archive, time, starter)
    except DAMAGED as error:
        raise Refused(f"the archive is damaged ({str(error)[:100]}): {HOW}") from None
    except (RuntimeError, NotImplementedError) as error:
        words = str(error)
        if "encrypted" in words or "password" in words:
            words = "it is encrypted"
        raise Refused(f"the archive cannot be read ({words[:100]}): {HOW}") from None


# what the library raises on archives that are none, or no longer
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeError),
    *(ValueError, IndexError, KeyError, OverflowError),
)


def _in_archive(archive: zipfile.ZipFile, time: datetime, starter: Starter) -> Found:
    found: dict[PurePosixPath, Candidate] = {}
    others: dict[PurePosixPath, zipfile.ZipInfo] = {}

    def content(member: zipfile.ZipInfo) -> bytes:
        files.check_size(member.file_size)
        with archive.open(member) as file:  # the size that it says may be a lie
            data = file.read(files.MAX_BYTES + 1)
        files.check_size(len(data))
        return data

    for member in archive.infolist():
        # some programs of Windows write its own separator
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
            continue
        if not path.name or any(map(left_by_tools, path.parts)):
            continue
        if NOTEBOOK.fullmatch(path.name):

            def read(member=member) -> Found:
                note = _odd(member, time)
                return Found(content(member), time, note=note)

            found[path] = Candidate(path, read)
        else:
            others[path] = member
    if found:
        return choose(list(found.values()), starter)
    raise nothing_in(list(others), lambda path: content(others[path]))


def _odd(member: zipfile.ZipInfo, time: datetime) -> str:
    """What to say if the archive and what is in it tell different times."""
    try:
        inside = datetime(*member.date_time, tzinfo=UTC)
    except ValueError:
        return ""
    if inside.year <= 1980:  # it does not know
        return ""
    if inside > time + ZONES:
        return f"its time in the archive, {inside:%Y-%m-%d %H:%M}, is later than the archive's"
    if inside < time - LONG_BEFORE:
        return f"by its time in the archive it was written on {inside:%Y-%m-%d}"
    return ""


def nothing_in(
    others: list[PurePosixPath], read: Callable[[PurePosixPath], bytes]
) -> Refused:
    """There is no notebook; what there is instead."""
    said = []
    for path in sorted(others)[:3]:
        try:
            kind = what_it_is(read(path))
        except (Refused, OSError):
            kind = ""
        said.append(f"{path.name} ({kind})" if kind else path.name)
    only = f", only {', '.join(said)}" if said else ""
    more = " and more" if len(others) > 3 else ""
    return Refused(f"there is no notebook in it{only}{more}: {HOW}")


def choose(found: list[Candidate], starter: Starter) -> Found:
    """The notebook that is meant: the only one, that of the right name, the one with work.

    The homework as it was given out does not count where there is anything else.

    Raises:
        Refused: there are several with work in them, and none is called as it should be.
    """
    homework = starter.homework
    if len(found) == 1:
        return _taken(found[0], found[0].read(), homework, [])
    right = [c for c in found if stem(c.path.name) == homework]
    if len(found) > MAX_CHOICE:
        if len(right) == 1:
            return _taken(right[0], right[0].read(), homework, [])
        raise _several(right or found, homework)
    read = [(candidate, _tried(candidate)) for candidate in found]
    worked = [(c, f) for c, f in read if f and starter.has_work(f.content)]
    untouched = [c.path.name for c, f in read if f and starter.is_untouched(f.content)]
    for pool in (worked, read):
        for kept in ([(c, f) for c, f in pool if c in right], pool):
            if not kept:
                continue
            works = {starter.work(f.content) if f else "" for _, f in kept}
            if len(kept) > 1 and (len(works) > 1 or "" in works):
                raise _several([c for c, _ in kept], homework)
            candidate, taken = kept[0]
            beside = _beside(candidate, worked, untouched, homework)
            return _taken(candidate, taken or candidate.read(), homework, beside)
    raise Refused(f"there is no notebook in it: {HOW}")


def _tried(candidate: Candidate) -> Found | None:
    try:
        return candidate.read()
    except (Refused, OSError):
        return None


def _beside(
    taken: Candidate,
    worked: list[tuple[Candidate, Found]],
    untouched: list[str],
    homework: str,
) -> list[str]:
    """What to say of the notebooks that were not taken."""
    said = []
    if worked and untouched:
        said.append(f"{', '.join(sorted(untouched))}: no work in it, and left out")
    for other, _ in worked:
        if other is not taken and homework in other.path.name:
            said.append(f"{other.path.name} was not looked at")
    return said


def _several(found: list[Candidate], homework: str) -> Refused:
    names = ", ".join(sorted(c.path.name for c in found[:5]))
    return Refused(f"several notebooks ({names}): keep {homework}.ipynb")


def _taken(
    candidate: Candidate, found: Found, homework: str, beside: list[str]
) -> Found:
    named = renamed(candidate.path, homework)
    note = "; ".join(filter(None, (named, *beside, found.note)))
    return replace(found, note=visible(note))


def renamed(chosen: PurePosixPath | Path, homework: str) -> str:
    """What to say if a notebook was not called as it should be."""
    right = chosen.name == f"{homework}.ipynb"
    return "" if right else f"it was named {visible(chosen.name)}"


def in_words(error: Exception) -> str:
    """Why a submission cannot be taken, whatever reading it has raised."""
    if isinstance(error, Refused):
        return visible(str(error))
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, DAMAGED):
        return f"it is damaged ({visible(str(error))[:100]}): {HOW}"
    return f"it cannot be read ({type(error).__name__}: {visible(str(error))[:100]})"


class Intake:
    """Puts submissions in their places; use as a context manager, one for a run.

    They are written aside first, then all of them to the disk at once, and only then put
    in place: a submission is there in full, or the earlier one is.
    """

    def __init__(self, course: Course, homework: str):
        self.course, self.homework = course, homework
        self.starter = course.starter(homework)
        self.stack = contextlib.ExitStack()
        self.waiting: list[tuple[str, str, Path | None]] = []
        place = course.folder / "submitted"
        known = os.listdir(place) if place.is_dir() else []
        self.known = {folded(name): name for name in known}

    def __enter__(self):
        self.part = str(self.stack.enter_context(files.scratch(self.course.folder)))
        return self

    def __exit__(self, *_):
        with self.stack:
            if self.waiting:
                os.sync()
            for new, place, earlier in self.waiting:
                if earlier:
                    earlier.parent.mkdir(parents=True, exist_ok=True)
                    os.rename(place, earlier)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.rename(new, place)

    def store(self, student: str, found: Found) -> Outcome:
        """Take a submission in; it is in its place when the context ends."""
        course, homework = self.course, self.homework
        path = course.notebook("submitted", student, homework)
        there = path.is_file()
        if there and path.read_bytes() == found.content:
            if found.secret:
                files.write(path.with_name(course.SECRET), found.secret)
            return Outcome(student, Status.UNCHANGED, note=found.note)
        note = "; ".join(filter(None, (found.note, self._alike(student))))
        new = f"{self.part}/{len(self.waiting)}"
        os.mkdir(new)
        _write(f"{new}/{path.name}", found.content)
        if found.time:
            _write(f"{new}/timestamp.txt", f"{found.time:{STAMP}}\n".encode())
        if found.secret:
            _write(f"{new}/{course.SECRET}", found.secret)
        earlier = None
        if path.parent.exists():
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
            earlier = course.folder / "earlier" / student / homework / now
        self.waiting.append((new, str(path.parent), earlier))
        status = Status.REPLACED if there else Status.COLLECTED
        return Outcome(student, status, note=note, earlier=earlier)

    def _alike(self, student: str) -> str:
        """Another student whose name is the same on some file systems."""
        other = self.known.setdefault(folded(student), student)
        if other == student:
            return ""
        return f"{visible(other)} is in the course, too: the same person?"


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def refuse(
    course: Course, homework: str, student: str, error: Exception, counts: bool = True
) -> Outcome:
    """Note why a submission was not taken in: a zero that can be seen, not a gap.

    Args:
        counts: whether it looks like a submission, and not like something beside them.
    """
    reason = in_words(error)
    if not is_name(student):
        return Outcome(student, Status.NOT_COLLECTED, reason=reason)
    place = course.notebook("submitted", student, homework).parent
    if _anything(place):
        reason += "; what was collected before still counts"
    elif counts:
        files.write(place / course.REFUSED, f"{reason}\n")
    return Outcome(student, Status.NOT_COLLECTED, reason=reason)


def _anything(place: Path) -> bool:
    return any(place.glob("*.ipynb"))
