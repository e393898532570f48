"""Take a folder of submissions into the course. What was handed in is never changed."""

import re
import stat
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.course import Course, CourseError

STUDENT = re.compile(r"[A-Za-z0-9][\w.@-]{0,127}")
MAX_BYTES = 50_000_000  # a notebook larger than that has outputs to be cleared
STAMP = "%Y-%m-%d %H:%M:%S UTC"  # as nbgrader writes timestamp.txt


@dataclass
class Outcome:
    """What became of one submission, in words."""

    student: str
    ok: bool
    words: str


class Refused(Exception):
    """A submission that cannot be taken in; the message says why."""


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
    for path, student in zip(entries, names, strict=True):
        try:
            if not STUDENT.fullmatch(student):
                raise Refused(
                    "this is no student's name: use letters, digits and . _ - @ only"
                )
            if names.count(student) > 1:
                same = [p.name for p in entries if _student(p, homework) == student]
                raise Refused(f"handed in several times ({', '.join(same)}): keep one")
            content, time, note = _read(path, homework)
            words = _store(course, homework, student, content, time)
            outcomes.append(Outcome(student, True, f"{words}{note}"))
        except (Refused, OSError, zipfile.BadZipFile, RuntimeError) as error:
            outcomes.append(Outcome(student, False, f"NOT COLLECTED: {error}"))
    return outcomes


def _student(path: Path, homework: str) -> str:
    if path.is_dir():
        return path.name
    return path.name.removesuffix(path.suffix).removesuffix(f"_{homework}")


def _read(path: Path, homework: str) -> tuple[bytes, datetime, str]:
    """The submitted notebook's bytes, when it was written, and a remark."""
    # links are not followed: one could point at the solutions
    if path.is_symlink():
        raise Refused("it is a link: put the file itself there")
    if path.is_dir():
        found = [p for p in path.rglob("*.ipynb") if not p.is_symlink() and p.is_file()]
        chosen = _choose(found, homework)
        size, time = chosen.stat().st_size, chosen.stat().st_mtime
        return _limited(chosen.read_bytes, size), *_when(time, chosen, homework)
    if path.suffix == ".ipynb":
        size, time = path.stat().st_size, path.stat().st_mtime
        return _limited(path.read_bytes, size), datetime.fromtimestamp(time, UTC), ""
    if path.suffix == ".zip":
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
            content = _limited(lambda: archive.read(member), member.file_size)
        time = datetime(*member.date_time, tzinfo=UTC).timestamp()
        return content, *_when(time, chosen, homework)
    raise Refused("expected a folder, a notebook (.ipynb) or an archive (.zip)")


def _choose(found: list[Path], homework: str) -> Path:
    """The notebook that is meant: the one of the right name, or the only one."""
    found = [p for p in found if ".ipynb_checkpoints" not in p.parts]
    right = [p for p in found if p.stem == homework]
    for candidates in (right, found):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(sorted(str(p.name) for p in candidates))
            raise Refused(f"several notebooks ({names}): keep {homework}.ipynb")
    raise Refused("there is no notebook in it")


def _limited(read, size: int) -> bytes:
    if size > MAX_BYTES:
        raise Refused(
            f"the notebook has {size / 1e6:.0f} MB: its outputs are too large"
        )
    return read()


def _when(time: float, chosen: Path, homework: str) -> tuple[datetime, str]:
    note = "" if chosen.stem == homework else f" (it was named {chosen.name})"
    return datetime.fromtimestamp(time, UTC), note


def _store(
    course: Course, homework: str, student: str, content: bytes, time: datetime
) -> str:
    path = course.notebook("submitted", student, homework)
    words = "collected"
    if path.exists():
        if path.read_bytes() == content:
            return "unchanged"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
        kept = course.folder / "earlier" / student / homework / now
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.parent.rename(kept)
        words = f"replaced; the earlier one is kept in {kept}"
    path.parent.mkdir(parents=True)
    (path.parent / "timestamp.txt").write_text(f"{time:{STAMP}}\n")
    # complete or not there at all, whenever this is interrupted
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)
    return words
