"""One student's submission: what there is of it, where it is kept, why it is not."""

import os
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.course import files
from grader.course.course import STUDENT, Course
from grader.errors import Refused
from grader.outcome import Outcome, Status

MAX_FILES = 10_000  # in one student's folder
STAMP = "%Y-%m-%d %H:%M:%S UTC"  # as nbgrader writes timestamp.txt
# what a submission can do to whoever reads it (an archive: all of it)
ERRORS = (Refused, OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


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


def check_name(student: str) -> None:
    """Raises Refused: a student cannot be called that."""
    if not STUDENT.fullmatch(student):
        raise Refused("this is no student's name: use letters, digits and . _ - @ only")


def read_folder(number: int, homework: str) -> Found:
    """The notebook in an open folder, at any depth; links are not followed.

    Raises:
        Refused: there is none, or there are several, or too many files.
        OSError: something in it cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error

    found: list[Path] = []
    seen = 0
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
    chosen = choose(found, homework)
    content, about = files.read(chosen, number)
    time = datetime.fromtimestamp(about.st_mtime, UTC)
    return Found(content, time, about.st_uid, renamed(chosen, homework))


def choose(found: list[Path], homework: str) -> Path:
    """The notebook that is meant: the one of the right name, or the only one.

    Raises:
        Refused: there is none, or there are several.
    """
    found = [p for p in found if ".ipynb_checkpoints" not in p.parts]
    right = [p for p in found if p.stem == homework]
    for candidates in (right, found):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(sorted(str(p.name) for p in candidates[:5]))
            raise Refused(f"several notebooks ({names}): keep {homework}.ipynb")
    raise Refused("there is no notebook in it")


def renamed(chosen: Path, homework: str) -> str:
    """What to say if a notebook was not called as it should be."""
    return "" if chosen.stem == homework else f"it was named {chosen.name}"


def store(course: Course, homework: str, student: str, found: Found) -> Outcome:
    """Put a submission in its place; it is there in full, or the earlier one is."""
    path = course.notebook("submitted", student, homework)
    earlier = None
    if path.is_file() and path.read_bytes() == found.content:
        if found.secret:
            files.write(path.with_name(course.SECRET), found.secret)
        return Outcome(student, Status.UNCHANGED, note=found.note)
    status = Status.REPLACED if path.is_file() else Status.COLLECTED
    with files.scratch(course.folder) as part:
        new = part / homework
        files.write(new / path.name, found.content)
        files.write(new / "timestamp.txt", f"{found.time:{STAMP}}\n")
        if found.secret:
            files.write(new / course.SECRET, found.secret)
        if path.parent.exists():
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
            earlier = course.folder / "earlier" / student / homework / now
            earlier.parent.mkdir(parents=True, exist_ok=True)
            path.parent.rename(earlier)
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        new.rename(path.parent)
    return Outcome(student, status, note=found.note, earlier=earlier)


def refuse(
    course: Course, homework: str, student: str, error: Exception, counts: bool = True
) -> Outcome:
    """Note why a submission was not taken in: a zero that can be seen, not a gap.

    Args:
        counts: whether it looks like a submission, and not like something beside them.
    """
    reason = str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
    place = course.notebook("submitted", student, homework).parent
    if counts and STUDENT.fullmatch(student) and not _anything(place):
        files.write(place / course.REFUSED, f"{reason}\n")
    elif _anything(place):
        reason += "; what was collected before still counts"
    return Outcome(student, Status.NOT_COLLECTED, reason=reason)


def _anything(place: Path) -> bool:
    return any(place.glob("*.ipynb"))
