"""Marks back to a learning platform: into the very file that it has given out.

The file keeps its columns, order, encoding, separator, line ends and headers; only the
cells of one homework change, and those of its comments where wanted. The original stays:
what is to be uploaded is written beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nbgrader.api import Gradebook, MissingEntry

from grader.course import files
from grader.course.course import Course
from grader.course.names import folded
from grader.course.people import WORKSHEET, People, Person
from grader.errors import CourseError

# the columns that hold a homework's points, by the list's kind: what is before the
# title's end is its name, and the group `most`, if any, what it is worth
POINTS = {
    "Canvas' gradebook": re.compile(r"(?P<title>.+)\s\(\d+\)"),
    "Blackboard's grade center": re.compile(
        r"(?P<title>.+) \[Total Pts:? (?P<most>[\d.,]+).*\].*"
    ),
    "Brightspace's grades": re.compile(
        r"(?P<title>.+) Points Grade(?: <.*MaxPoints:(?P<most>[\d.,]+).*>)?"
    ),
    "Moodle's gradebook": re.compile(r"(?:Assignment: |Quiz: )?(?P<title>.+) \(Real\)"),
}
# Moodle's worksheet is translated: what a grade, and the most there is, may be called
GRADE = re.compile(
    r"(?i)grade|bewertung|note|calificación|nota|valutazione|ocena|betyg"
)
MOST = re.compile(r"(?i)max.*|bestwertung|höchst.*|note max.*|calificación máx.*")
COMMENTS = re.compile(
    r"(?i)feedback (comments|to learner|als kommentar)|.*commentaires.*"
)
NO_MARK = ("EX", "N/A")  # excused, or not theirs to do (Canvas)
NUMBER = re.compile(r"\s*(\d+)(?:[.,](\d+))?\s*")


class Change(NamedTuple):
    """A cell that is filled: whose, what stood there, what stands there now, a remark."""

    student: str
    before: str
    after: str
    note: str = ""


@dataclass
class Filled:
    """What was done with a platform's file.

    Args:
        kind: what the file is.
        column: which of its columns was filled.
        changes: the cells that differ; ``kept`` are as many that had their value.
        skipped: who has no mark yet, and why.
        missing: who has a mark and is not in the file.
        path: where the filled file lies; None: nothing was written.
    """

    kind: str
    column: str
    changes: list[Change]
    kept: int
    skipped: list[tuple[str, str]]
    missing: list[str]
    path: Path | None


class Mark(NamedTuple):
    """A student's marks of a homework: in all (after a late penalty), by test."""

    points: float
    tests: dict[str, tuple[float, float]]
    waiting: bool  # for a person


def fill(
    course: Course,
    homework: str,
    into: Path,
    column: str = "",
    scale: bool = False,
    tests: bool = False,
    comments: bool = False,
    dry: bool = False,
) -> Filled:
    """Fill a platform's file with the marks of a homework.

    Args:
        into: the platform's file.
        column: the title of the column; "": the one that is meant, if that is clear.
        scale: whether a homework that is worth another number of points there is
            scaled; else that is an error.
        tests: whether each test gets a column of its own, at the end.
        comments: whether the column of comments says what was not passed.
        dry: whether nothing is written.

    Raises:
        CourseError: it is no list, the column is not clear, or it is worth something
            else than the homework; the message says what to do.
    """
    people = People(into)
    with course.gradebook() as gradebook:
        try:
            most = gradebook.find_assignment(homework).max_score
        except MissingEntry:
            raise CourseError(f"{homework} has no marks yet: grade it first.") from None
        marks = {folded(s): m for s, m in _marks(gradebook, homework)}
    place = _column(people, homework, column)
    title = people.titles[place]
    handed_in = {folded(student) for student in course.students(homework)}
    factor = _factor(people, place, most, scale)
    comma = _decimal_comma(people)
    said = _comments(people) if comments else None
    changes: list[Change] = []
    skipped: list[tuple[str, str]] = []
    kept = 0
    for person in people.people:
        ids = {folded(one) for one in person.ids}
        known = next((one for one in ids if one in marks), "")
        mark = marks.pop(known, None)
        if mark and mark.waiting:
            skipped.append((person.student, "parts are still to be marked by hand"))
            continue
        if not mark and ids & handed_in:
            skipped.append((person.student, "handed in, and not graded yet"))
            continue
        row = _long_enough(people, person, place)
        before = row[place].strip()
        if before.upper() in NO_MARK:
            skipped.append((person.student, f"{before} stands there"))
            continue
        points = factor * mark.points if mark else 0.0
        after = _number(points, comma)
        note = "" if mark else "handed in nothing"
        if said is not None and mark:
            row[said] = comment(homework, mark, most)
        if _value(before) == round(points, 2):
            kept += 1
        else:
            changes.append(Change(person.student, before, after, note))
            row[place] = after
        if tests:
            _add_tests(people, person, homework, mark, comma)
    path = None
    if not dry:
        path = into.with_name(f"{into.stem}-{homework}{into.suffix}")
        files.write(path, people.table.to_bytes())
    return Filled(people.kind, title, changes, kept, skipped, sorted(marks), path)


def _marks(gradebook: Gradebook, homework: str) -> Iterator[tuple[str, Mark]]:
    for submission in gradebook.assignment_submissions(homework):
        tests = {
            grade.name: (float(grade.score), float(grade.max_score))
            for notebook in submission.notebooks
            for grade in notebook.grades
        }
        points = max(0.0, submission.score - (submission.late_submission_penalty or 0))
        waiting = bool(submission.needs_manual_grade)
        yield submission.student_id, Mark(points, tests, waiting)


def _column(people: People, homework: str, wanted: str) -> int:
    """Which column is meant.

    Raises:
        CourseError: none, or several; the message lists them.
    """
    found = dict(_columns(people))
    if wanted:
        named = [n for n, t in found.items() if wanted.casefold() == t.casefold()]
        named = named or [n for n, t in enumerate(people.titles) if t == wanted]
        if len(named) == 1:
            return named[0]
        raise CourseError(_choose(people, found, f"There is no column {wanted!r}"))
    if people.kind not in POINTS and people.kind != WORKSHEET:
        titles = [title.casefold() for title in people.titles]
        if homework.casefold() in titles:
            return titles.index(homework.casefold())
        return _new_column(people, homework)
    alike = [n for n, t in found.items() if _means(t, homework)]
    chosen = list(found) if people.kind == WORKSHEET else alike
    if len(chosen) == 1:
        return chosen[0]
    words = "Several columns could be meant"
    if not chosen:
        words = f"There is no column of {homework}"
    raise CourseError(_choose(people, found, words))


def _columns(people: People) -> Iterator[tuple[int, str]]:
    """Columns that can hold points, with their titles as people call them."""
    if people.kind == WORKSHEET:
        for number, title in enumerate(people.titles):
            if GRADE.fullmatch(title):
                yield number, title
        return
    pattern = POINTS.get(people.kind)
    for number, title in enumerate(people.titles):
        if pattern and (match := pattern.fullmatch(title)):
            yield number, match["title"]


def _choose(people: People, found: dict[int, str], words: str) -> str:
    titles = ", ".join(repr(t) for t in found.values()) or "none that holds points"
    return (
        f"{words} in {people.path.name} ({people.kind}). It has {titles}. Say which: "
        "--column TITLE."
    )


def _means(title: str, homework: str) -> bool:
    """Whether a title is that of the homework: its name, or its kind and number."""
    plain = re.sub(r"[\W_]+", "", title.casefold())
    name = re.sub(r"[\W_]+", "", homework.casefold())
    number = re.match(r"[a-z]+(\d+)", name)
    if name in plain or plain in (name, name.split("_")[0]):
        return True
    short = number is not None and re.search(
        rf"(?:hw|homework|assignment|ps|übung|exercise){number[1]}(?!\d)", plain
    )
    return bool(short)


def _new_column(people: People, title: str) -> int:
    place = max(len(row) for row in people.rows)
    for row in people.rows:
        row.extend([""] * (place + 1 - len(row)))
    people.rows[people.header][place] = title
    people.titles = [cell.strip() for cell in people.rows[people.header]]
    return place


def _long_enough(people: People, person: Person, place: int) -> list[str]:
    row = people.rows[person.row]
    row.extend([""] * (place + 1 - len(row)))
    return row


def _factor(people: People, place: int, most: float, scale: bool) -> float:
    """How many points there are there for one here.

    Raises:
        CourseError: not one, and that is not wanted.
    """
    there = _worth(people, place)
    if not there or not most or abs(there - most) < 1e-9:
        return 1.0
    if scale:
        return there / most
    raise CourseError(
        f"{people.titles[place]} is worth {there:g} points there and {most:g} here: "
        "change it there and export again, or have the marks scaled by --scale."
    )


def _worth(people: People, place: int) -> float | None:
    """What the column is worth on the platform, where its file says so."""
    pattern = POINTS.get(people.kind)
    match = pattern.fullmatch(people.titles[place]) if pattern else None
    if match and match.groupdict().get("most"):
        return _value(match["most"])
    if people.kind == "Canvas' gradebook":
        for row in people.rows[people.header + 1 : people.header + 4]:
            if row and row[0].strip().casefold() == "points possible":
                return _value(row[place]) if place < len(row) else None
    if people.kind == WORKSHEET:
        for number, title in enumerate(people.titles):
            row = people.rows[people.people[0].row]
            if MOST.fullmatch(title) and number < len(row):
                return _value(row[number])
    return None


def _comments(people: People) -> int:
    for number, title in enumerate(people.titles):
        if COMMENTS.fullmatch(title):
            return number
    raise CourseError(f"{people.path.name} ({people.kind}) has no column of comments.")


def comment(homework: str, mark: Mark, most: float) -> str:
    """What was not passed, in a line."""
    failed = [
        f"{name} {_number(got, False)} of {_number(of, False)}"
        for name, (got, of) in mark.tests.items()
        if got < of
    ]
    whole = (
        f"{homework}: {_number(mark.points, False)} of {_number(most, False)} points"
    )
    return f"{whole}; not passed: {', '.join(failed)}" if failed else whole


def _add_tests(
    people: People, person: Person, homework: str, mark: Mark | None, comma: bool
) -> None:
    for name, (got, _) in (mark.tests if mark else {}).items():
        title = f"{homework} {name}"
        if title not in people.titles:
            _new_column(people, title)
        place = people.titles.index(title)
        _long_enough(people, person, place)[place] = _number(got, comma)


def _decimal_comma(people: People) -> bool:
    """Whether the file's numbers have a comma where others have a point."""
    cells = [cell for row in people.rows for cell in row]
    points = sum(bool(re.fullmatch(r"\s*\d+\.\d{1,2}\s*", cell)) for cell in cells)
    commas = sum(bool(re.fullmatch(r"\s*\d+,\d{1,2}\s*", cell)) for cell in cells)
    return commas > points


def _number(value: float, comma: bool) -> str:
    """As no program misreads it: no group of thousands, two decimals or none."""
    text = f"{value:.2f}".removesuffix(".00")
    return text.replace(".", ",") if comma else text


def _value(text: str) -> float | None:
    match = NUMBER.fullmatch(text)
    return float(f"{match[1]}.{match[2] or 0}") if match else None
