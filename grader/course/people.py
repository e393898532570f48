"""The list of a course's people, as a learning platform gives it out.

The names of files in a platform's download seldom say who somebody is; its own list does.
It is read as it is, and can be written again with other cells and nothing else changed:
that is how marks go back (`grader.records.marks`).

``LISTS`` is the table of what is known: a new kind of list is an entry there.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from grader.course import files
from grader.course.names import folded, student_name
from grader.errors import CourseError, Refused

# the encodings that begin with a mark; without one it is UTF-8 or, last, Windows'
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
TITLE_LINES = 20  # above the header, at most
KEPT = "surrogateescape"  # bytes that are no character come back as they were


@dataclass
class Table:
    """A file of rows, with all that is needed to write it as it was."""

    rows: list[list[str]]
    encoding: str
    mark: bytes
    delimiter: str
    end: str
    quoted: bool  # every cell
    ended: bool  # the last line

    def to_bytes(self) -> bytes:
        """The file; where no cell was changed, as it was but for needless quotes."""
        text = io.StringIO(newline="")
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            lineterminator=self.end,
            quoting=csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL,
        )
        writer.writerows(self.rows)
        whole = (
            text.getvalue() if self.ended else text.getvalue().removesuffix(self.end)
        )
        return self.mark + whole.encode(self.encoding, KEPT)


def read_table(path: Path) -> Table:
    """Read rows of cells, whatever the encoding, the separator and the line ends are.

    Raises:
        CourseError: there is no such file, or it is no table.
    """
    try:
        content, _ = files.read(path)
    except (OSError, Refused) as error:
        reason = getattr(error, "strerror", None) or error
        raise CourseError(f"The list {path} cannot be read: {reason}.") from None
    if content.startswith(b"PK"):
        raise CourseError(
            f"{path.name} is an Excel file: save it as CSV, in UTF-8, and give that."
        )
    mark = next((start for start in MARKS if content.startswith(start)), b"")
    encoding = MARKS.get(mark, "utf-8")
    body = content[len(mark) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = body.decode(encoding, KEPT)
    top = [line for line in text.splitlines() if line.strip()][:TITLE_LINES]
    delimiter = max("\t;,", key=lambda c: max(map(_outside(c), top), default=0))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise CourseError(f"{path.name} is no table ({error}).") from None
    if max(map(len, rows[:TITLE_LINES]), default=0) < 2:
        raise CourseError(f"{path.name} is no list of people: it has no columns.")
    end = "\r\n" if "\r\n" in text else "\n"
    first = max(top, key=_outside(delimiter)).strip()
    quoted = first.startswith('"') and first.endswith('"') and f'"{delimiter}"' in first
    ended = text.endswith(("\n", "\r"))
    return Table(rows, encoding, mark, delimiter, end, quoted, ended)


def _outside(delimiter: str) -> Callable[[str], int]:
    """Counts a separator in a line, where it is not quoted."""
    return lambda line: re.sub(r'"[^"]*"', "", line).count(delimiter)


@dataclass(frozen=True)
class Person:
    """Somebody on the list.

    Args:
        student: by what they are known in the course, and in the gradebook.
        keys: what else says who they are, by kind: ``username``, ``email``, ``name``, …
        row: in the table.
        named: whether that is the same in every assignment.
    """

    student: str
    keys: dict[str, str]
    row: int
    first: str = ""
    last: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    named: bool = True

    @property
    def ids(self) -> list[str]:
        """By what they may be known in the course, if it had another list before."""
        kinds = self.keys.keys() - {"name", "participant"}
        return [self.student, *(self.keys[kind] for kind in sorted(kinds))]


class Kind(NamedTuple):
    """A platform's list.

    Args:
        name: as people call it.
        is_it: tells by the header, in small letters.
        columns: kinds of keys and the headers that may stand above them, in small
            letters; the first kind that has a value is the student's name in the course.
        skip: rows that are nobody.
    """

    name: str
    is_it: Callable[[list[str]], bool]
    columns: dict[str, tuple[str, ...]]
    skip: Callable[[list[str]], bool] = lambda row: False


def _has(*wanted: str) -> Callable[[list[str]], bool]:
    return lambda header: all(
        any(re.fullmatch(w, h) for h in header) for w in map(str.casefold, wanted)
    )


def _canvas_skip(row: list[str]) -> bool:
    first = row[0].strip().casefold()
    return (
        first in ("points possible", "student, test")
        or "manual posting" in ",".join(row).casefold()
        or not any(cell.strip() for cell in row[:3])
    )


# the first that fits counts
LISTS = (
    Kind(
        "Canvas' gradebook",
        _has("id", "section", "student|lastname"),
        {
            "canvas": ("id",),
            "username": ("sis login id", "sis user id"),
            "name": ("student",),
            "last": ("lastname",),
            "first": ("firstname",),
        },
        _canvas_skip,
    ),
    Kind(
        "GitHub Classroom's roster",
        _has("identifier", "github_username"),
        {
            "identifier": ("identifier",),
            "github": ("github_username",),
            "name": ("name",),
            "group": ("group_name",),
        },
    ),
    Kind(
        "Blackboard's grade center",
        _has("username", "last name", "first name", "last access|availability"),
        {
            "username": ("username",),
            "sid": ("student id",),
            "last": ("last name",),
            "first": ("first name",),
        },
    ),
    Kind(
        "Brightspace's grades",
        _has("#?orgdefinedid|#?username", "end-of-line indicator"),
        {
            "username": ("username", "#username"),
            "sid": ("orgdefinedid", "#orgdefinedid"),
            "last": ("last name",),
            "first": ("first name",),
            "email": ("email",),
        },
    ),
    Kind(
        "Moodle's gradebook",
        _has("first name", "last name|surname", "email address|id number|username"),
        {
            "sid": ("id number",),
            "username": ("username",),
            "email": ("email address",),
            "last": ("last name", "surname"),
            "first": ("first name",),
        },
    ),
    Kind(
        "Gradescope's list",
        _has("email", "sid", "(first |last )?name"),
        {
            "sid": ("sid",),
            "email": ("email",),
            "name": ("name",),
            "last": ("last name",),
            "first": ("first name",),
        },
    ),
    Kind(
        "nbgrader's students",
        _has("id", "first_name|last_name|email|lms_user_id"),
        {
            "username": ("id",),
            "last": ("last_name",),
            "first": ("first_name",),
            "email": ("email",),
            "sid": ("lms_user_id",),
        },
    ),
    Kind(
        "a list",
        _has("username|id|student|student_id|e-?mail|e-?mail address"),
        {
            "username": ("username", "id", "student", "student_id"),
            "email": ("email", "e-mail", "email address", "e-mail address"),
            "name": ("name", "full name"),
            "last": ("last name", "last_name", "surname"),
            "first": ("first name", "first_name"),
            "group": ("group",),
        },
    ),
)
# Moodle's grading worksheet has translated headers; what stands below them is not
PARTICIPANT = re.compile(r"\D+ (\d+)")
WORKSHEET = "Moodle's grading worksheet"


WORKSHEET_TITLES = {
    "sid": ("id number", "matrikelnummer", "id-nummer"),
    "username": ("username", "anmeldename"),
    "group": ("group", "gruppe", "groupe", "grupo"),
}


class People:
    """The people of a course by a platform's list.

    Args:
        path: the file.

    Raises:
        CourseError: it cannot be read, or nobody knows what it is.
    """

    def __init__(self, path: Path):
        self.path, self.table = path, read_table(path)
        self.header, kind = self._header()
        self.titles = [cell.strip() for cell in self.rows[self.header]]
        if self._is_worksheet():
            self.kind = WORKSHEET
            self.people = list(self._of_worksheet())
        elif kind:
            self.kind = kind.name
            self.people = list(self._of(kind))
        else:
            raise CourseError(
                f"{path.name} is no list that is known: its columns are "
                f"{', '.join(self.titles[:8])}. One of them must be called id, "
                "username or email."
            )
        if not self.people:
            raise CourseError(f"Nobody stands on {path.name} ({self.kind}).")
        self.by_key: dict[tuple[str, str], list[Person]] = {}
        for person in self.people:
            keys = list(person.keys.items())
            keys += [("group", group) for group in person.groups]
            if "participant" in person.keys and "name" in person.keys:
                whole = f"{person.keys['participant']} {person.keys['name']}"
                keys.append(("participant", whole))
            for what, value in keys:
                self.by_key.setdefault((what, same(value)), []).append(person)
        self._check_apart()

    @property
    def rows(self) -> list[list[str]]:
        return self.table.rows

    def find(self, what: str, value: str) -> list[Person]:
        """Who has this key, e.g. ``("email", "ada@example.org")``: nobody, one, several."""
        return self.by_key.get((what, same(value)), [])

    def remark(self) -> str:
        """What to say of the list; "" if nothing."""
        if self.kind == WORKSHEET and not all(p.named for p in self.people):
            return (
                f"{self.path.name} shows neither e-mail nor ID number nor username: "
                "students are called participant-N, in each assignment otherwise."
            )
        return ""

    def _check_apart(self) -> None:
        """Raises CourseError: two people would have one name in the course."""
        seen: dict[str, Person] = {}
        for person in self.people:
            other = seen.setdefault(folded(person.student), person)
            if other is not person:
                raise CourseError(
                    f"{self.path.name}, lines {other.row + 1} and {person.row + 1}: both "
                    f"are {person.student}. Keep one."
                )

    def _header(self) -> tuple[int, Kind | None]:
        """The row of titles, and what it is the header of; there may be lines above."""
        first = 0
        for number, row in reversed(list(enumerate(self.rows[:TITLE_LINES]))):
            if sum(bool(cell.strip()) for cell in row) >= 2:
                first = number
        for number, row in enumerate(self.rows[first:TITLE_LINES], first):
            small = _small(row)
            for kind in LISTS:
                if kind.is_it(small):
                    return number, kind
        return first, None

    def _is_worksheet(self) -> bool:
        firsts = [row[0] for row in self.rows[self.header + 1 :] if row and row[0]]
        return bool(firsts) and all(PARTICIPANT.fullmatch(cell) for cell in firsts)

    def _of_worksheet(self) -> Iterator[Person]:
        """By what stands in the cells, as the headers are in the site's language."""
        small = [title.casefold() for title in self.titles]
        for number, row in self._body():
            match = PARTICIPANT.fullmatch(row[0])
            if not match:
                continue
            keys = {"participant": match[1]}
            mails = [c.strip() for c in row[1:6] if re.fullmatch(r"\S+@\S+\.\S+", c)]
            if mails:
                keys["email"] = mails[0]
            for what, titles in WORKSHEET_TITLES.items():
                for place, title in enumerate(small[: len(row)]):
                    if title in titles and row[place].strip():
                        keys[what] = row[place].strip()
            # under blind marking there is no name, and the second column is the status
            name = row[1].strip() if len(row) > 1 and "@" not in row[1] else ""
            ids = [keys[k] for k in ("sid", "username", "email") if k in keys]
            if name and ids:
                keys["name"] = name
            groups = tuple(g.strip() for g in keys.pop("group", "").split(",") if g)
            first, _, last = keys.get("name", "").rpartition(" ")
            student = self._name(ids or [f"participant-{match[1]}"], number)
            email = keys.get("email", "")
            yield Person(student, keys, number, first, last, email, groups, bool(ids))

    def _of(self, kind: Kind) -> Iterator[Person]:
        small = _small(self.titles)
        places = {
            what: [small.index(title) for title in titles if title in small]
            for what, titles in kind.columns.items()
        }
        for number, row in self._body():
            if kind.skip(row):
                continue
            keys = {}
            for what, columns in places.items():
                cells = [row[c].strip() for c in columns if c < len(row)]
                value = next((cell for cell in cells if cell), "").lstrip("#")
                if value:
                    keys[what] = value
            first, last = keys.pop("first", ""), keys.pop("last", "")
            whole = keys.get("name", "")
            if "," in whole and not last:
                last, _, first = (part.strip() for part in whole.partition(","))
            elif whole and not last:
                first, _, last = whole.rpartition(" ")
            if first or last:
                keys["name"] = f"{first} {last}".strip()
            group = keys.pop("group", "")
            ids = [keys[what] for what in kind.columns if what in keys]
            ids = [value for value in ids if value != keys.get("name")]
            if not ids:
                continue
            if "email" not in keys and "@" in keys.get("username", ""):
                keys["email"] = keys["username"]
            student = self._name(ids, number)
            email = keys.get("email", "")
            groups = (group,) if group else ()
            yield Person(student, keys, number, first, last, email, groups)

    def _name(self, ids: list[str], row: int) -> str:
        """What somebody is called in the course: the first of these that can be a name.

        Raises:
            CourseError: none can, not even with "_" for what no name holds.
        """
        reason = ""
        for one in (*ids, re.sub(r"[^\w.@ '-]", "_", ids[0])):
            try:
                return student_name(one)
            except Refused as error:
                reason = reason or str(error)
        raise CourseError(f"{self.path.name}, line {row + 1}: {ids[0]!r}: {reason}")

    def _body(self) -> Iterator[tuple[int, list[str]]]:
        for number in range(self.header + 1, len(self.rows)):
            row = self.rows[number]
            if any(cell.strip() for cell in row):
                yield number, row


def _small(row: list[str]) -> list[str]:
    """Titles as they are compared: Brightspace adds what a column is worth in <>."""
    return [cell.partition("<")[0].strip().casefold() for cell in row]


def same(value: str) -> str:
    """The same for what is one and the same: accents, case and blanks do not count."""
    plain = unicodedata.normalize("NFC", value).casefold()
    return " ".join(plain.split())
