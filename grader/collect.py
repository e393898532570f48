"""Take a folder of submissions into the course. What was handed in is never changed."""

import os
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader import files
from grader.course import STUDENT, Course
from grader.errors import CourseError
from grader.files import Refused

MAX_FILES = 10_000  # in one student's folder
STAMP = "%Y-%m-%d %H:%M:%S UTC"  # as nbgrader writes timestamp.txt


@dataclass
class Outcome:
    """What became of one submission, in words."""

    student: str
    ok: bool
    words: str


@dataclass
class Found:
    """A submitted notebook: its bytes, when it was written (UTC), its owner, a remark.

    ``secret`` is the exchange's: feedback finds its way back by it.
    """

    content: bytes
    time: datetime
    owner: int | None = None
    note: str = ""
    secret: bytes | None = None


def collect(course: Course, homework: str, source: Path) -> list[Outcome]:
    """Copy submissions to the course folder; one outcome per entry of ``source``.

    An entry is a folder ``ada/`` (holding the notebook, at any depth), a notebook
    ``ada.ipynb`` or ``ada_hw1_backprop.ipynb``, or an archive ``ada.zip``. A
    submission that differs from the student's earlier one takes its place; the earlier
    one is kept in ``earlier/``.
    """
    if not source.is_dir():
        raise CourseError(f"There is no folder {source} to collect from.")
    entries = [p for p in sorted(source.iterdir()) if not p.name.startswith(".")]
    if not entries:
        raise CourseError(f"The folder {source} is empty.")
    names = [_student(path, homework) for path in entries]
    outcomes = []
    with course.alone():
        for path, student in zip(entries, names, strict=True):
            same = [p.name for p in entries if _student(p, homework) == student]
            try:
                found = _read(path, student, homework, same)
            except ERRORS as error:
                outcomes.append(refuse(course, homework, student, path, error))
            else:
                outcomes.append(store(course, homework, student, found))
    return outcomes


# what a submission can do to whoever reads it (an archive: all of it)
ERRORS = (Refused, OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


def _student(path: Path, homework: str) -> str:
    if path.is_dir():
        return path.name
    return path.name.removesuffix(path.suffix).removesuffix(f"_{homework}")


def _read(path: Path, student: str, homework: str, same: list[str]) -> Found:
    """The submitted notebook."""
    check_name(student)
    if len(same) > 1:
        raise Refused(f"handed in several times ({', '.join(same)}): keep one")
    if path.is_symlink():
        raise Refused("it is a link: put the file itself there")
    if path.is_dir():
        number = files.open_folder(path)
        try:
            return read_folder(number, homework)
        finally:
            os.close(number)
    if path.suffix == ".ipynb":
        content, about = files.read(path)
        return Found(content, datetime.fromtimestamp(about.st_mtime, UTC))
    if path.suffix == ".zip":
        return _read_archive(path, homework)
    raise Refused("expected a folder, a notebook (.ipynb) or an archive (.zip)")


def check_name(student: str) -> None:
    if not STUDENT.fullmatch(student):
        raise Refused("this is no student's name: use letters, digits and . _ - @ only")


def read_folder(number: int, homework: str) -> Found:
    """The notebook in an open folder, at any depth; links are not followed."""

    def stop(error: OSError):
        raise error

    found, seen = [], 0
    for top, _, names, here in os.fwalk(
        ".", dir_fd=number, follow_symlinks=False, onerror=stop
    ):
        seen += len(names)
        if seen > MAX_FILES:
            raise Refused(f"there are more than {MAX_FILES:,} files in it")
        for name in names:
            if name.endswith(".ipynb"):
                kind = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
                found += [Path(top, name)] if stat.S_ISREG(kind) else []
    chosen = _choose(found, homework)
    content, about = files.read(chosen, number)
    time = datetime.fromtimestamp(about.st_mtime, UTC)
    return Found(content, time, about.st_uid, _renamed(chosen, homework))


def _read_archive(path: Path, homework: str) -> Found:
    with zipfile.ZipFile(path) as archive:
        members = {
            Path(m.filename): m
            for m in archive.infolist()
            if m.filename.endswith(".ipynb")
            and "__MACOSX" not in m.filename
            and not stat.S_ISLNK(m.external_attr >> 16)
        }
        chosen = _choose(list(members), homework)
        member = members[chosen]
        files.check_size(member.file_size)
        with archive.open(member) as file:  # the size that it says may be a lie
            content = file.read(files.MAX_BYTES + 1)
        files.check_size(len(content))
    try:
        time = datetime(*member.date_time, tzinfo=UTC)
    except ValueError:
        time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Found(content, time, None, _renamed(chosen, homework))


def _choose(found: list[Path], homework: str) -> Path:
    """The notebook that is meant: the one of the right name, or the only one."""
    found = [p for p in found if ".ipynb_checkpoints" not in p.parts]
    right = [p for p in found if p.stem == homework]
    for candidates in (right, found):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(sorted(str(p.name) for p in candidates[:5]))
            raise Refused(f"several notebooks ({names}): keep {homework}.ipynb")
    raise Refused("there is no notebook in it")


def _renamed(chosen: Path, homework: str) -> str:
    return "" if chosen.stem == homework else f" (it was named {chosen.name})"


def store(course: Course, homework: str, student: str, found: Found) -> Outcome:
    """Put a submission in its place; it is there in full, or the earlier one is."""
    path = course.notebook("submitted", student, homework)
    words = "collected"
    if path.is_file():
        if path.read_bytes() == found.content:
            if found.secret:
                files.write(path.with_name(course.SECRET), found.secret)
            return Outcome(student, True, f"unchanged{found.note}")
        words = "replaced; the earlier one is kept in {}"
    with files.scratch(course.folder) as part:
        new = part / homework
        files.write(new / path.name, found.content)
        files.write(new / "timestamp.txt", f"{found.time:{STAMP}}\n")
        if found.secret:
            files.write(new / course.SECRET, found.secret)
        if path.parent.exists():
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
            kept = course.folder / "earlier" / student / homework / now
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.parent.rename(kept)
            words = words.format(kept)
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        new.rename(path.parent)
    return Outcome(student, True, f"{words}{found.note}")


def refuse(
    course: Course, homework: str, student: str, path: Path, error: Exception
) -> Outcome:
    """Note why a submission was not taken in: a zero that can be seen, not a gap."""
    reason = str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
    place = course.notebook("submitted", student, homework).parent
    submission = path.is_dir() or path.suffix in (".ipynb", ".zip")
    if submission and STUDENT.fullmatch(student) and not _anything(place):
        files.write(place / course.REFUSED, f"{reason}\n")
    elif _anything(place):
        reason += "; what was collected before still counts"
    return Outcome(student, False, f"NOT COLLECTED: {reason}")


def _anything(place: Path) -> bool:
    return any(place.glob("*.ipynb"))
