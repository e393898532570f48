"""How a class has done in a homework: all numbers of the instructor's page.

They come from the gradebook, and from the graded notebooks what is not in it: what failed
tests say, what was put right, how long it took. Nothing is judged here.
"""

import contextlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import mean, median
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode, from_dict

from grader.course import files
from grader.course.cache import Cache
from grader.course.course import Course
from grader.errors import NotReleased, Refused
from grader.notebook.sheet import Sheet
from grader.records.alike import Alike, Reader, alike
from grader.records.feedback import titles, why_nothing
from grader.records.ledger import Entry, Ledger
from grader.records.sheets import load_sheet

WIDTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # points of a bar
BARS = 12  # at most
SLOWEST = 5
LOOK = "worth a look: "
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class Bar(NamedTuple):
    """How many students have so many points."""

    label: str
    students: int


class Success(NamedTuple):
    """How a test, or an exercise with its tests, went.

    Args:
        full, part, none: how many students have all points, some, none.
        waiting: and how many wait for a person.
        share: of the points, on the average.
    """

    name: str
    most: float
    full: int
    part: int
    none: int
    waiting: int
    share: float
    tests: tuple["Success", ...] = ()


class Message(NamedTuple):
    """What failed tests have said to so many students, and which tests those were."""

    words: str
    students: int
    tests: tuple[tuple[str, int], ...]


class Slow(NamedTuple):
    """How many seconds of a processor a submission took: its cells, the tests."""

    student: str
    cells: float
    tests: float

    @property
    def seconds(self) -> float:
        return self.cells + self.tests


class Remarks(NamedTuple):
    """What there is to say about a student's submission."""

    student: str
    words: tuple[str, ...]


@dataclass
class Report:
    """How a class has done.

    Args:
        title: the homework's.
        most: the points that there are.
        points: of each student who has marks, after late penalties.
        names: the full names that are known.
        absent: who is in the gradebook, and has handed in nothing.
        ungraded: who has handed in, and is not graded yet.
        changed: who would be graded anew by now.
        waiting: for how many students parts are to be marked by hand.
        bars: the distribution of the points.
        exercises: the hardest first.
        slowest: the slowest first; ``usual`` is the median's time in seconds.
        repaired, refused, look: submissions with what was put right, why they could not
            be graded, and why they are worth a look.
        alike: submissions that are nearly the same.
        silent: how many were graded by a version that noted less.
    """

    homework: str
    title: str = ""
    most: float = 0.0
    points: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    ungraded: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    waiting: int = 0
    bars: list[Bar] = field(default_factory=list)
    exercises: list[Success] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    slowest: list[Slow] = field(default_factory=list)
    usual: float = 0.0
    repaired: list[Remarks] = field(default_factory=list)
    refused: list[Remarks] = field(default_factory=list)
    look: list[Remarks] = field(default_factory=list)
    alike: Alike = field(default_factory=lambda: Alike([], None, 0))
    silent: int = 0

    @property
    def handed_in(self) -> int:
        return len(self.points) + len(self.ungraded)

    @property
    def full(self) -> int:
        return sum(points >= self.most for points in self.points.values())

    @property
    def nothing(self) -> int:
        return sum(points == 0 for points in self.points.values())

    @property
    def median(self) -> float:
        return median(self.points.values())

    @property
    def mean(self) -> float:
        return mean(self.points.values())


def gather(course: Course, homework: str) -> Report:
    """All numbers of a homework's report.

    Raises:
        CourseError: the gradebook cannot be used, or the homework's rules make no sense.
    """
    report = Report(homework, homework)
    handed_in = set(course.students(homework))
    try:
        sheet = load_sheet(course, homework)
    except NotReleased:
        report.ungraded = sorted(handed_in)
        return report
    with Ledger(course, sheet) as ledger:
        entries = ledger.entries()
        people = ledger.gradebook.students
        names = {p.id: f"{p.first_name or ''} {p.last_name or ''}" for p in people}
    report.title, headings = outline(course, homework)
    report.names = {student: " ".join(n.split()) for student, n in names.items()}
    report.most = sum(cell.points or 0.0 for cell in sheet.cells)
    report.points = {student: entry.points for student, entry in entries.items()}
    report.absent = sorted(names.keys() - entries.keys() - handed_in)
    report.ungraded = sorted(handed_in - entries.keys())
    report.changed = list(_changed(course, sheet, entries))
    report.waiting = sum(
        any(mark.points is None for mark in entry.marks.values())
        for entry in entries.values()
    )
    report.bars = _bars(list(report.points.values()), report.most)
    reasons = {student: _refusal(course, homework, student) for student in entries}
    report.refused = [Remarks(s, (why,)) for s, why in reasons.items() if why]
    read = {s: entry for s, entry in entries.items() if not reasons[s]}
    report.exercises = _exercises(sheet, list(read.values()), headings)
    _look_at(report, sheet, read, _notebooks(course, homework, read))
    return report


def _notebooks(
    course: Course, homework: str, students: Iterable[str]
) -> Iterator[tuple[str, NotebookNode]]:
    """The graded notebooks that there are."""
    for student in students:
        path = course.notebook("autograded", student, homework)
        with contextlib.suppress(
            OSError, Refused, ValueError
        ):  # marks are left, at least
            yield student, from_dict(json.loads(files.read(path)[0]))


def _look_at(
    report: Report,
    sheet: Sheet,
    entries: dict[str, Entry],
    notebooks: Iterable[tuple[str, NotebookNode]],
) -> None:
    """Put into a report what the graded notebooks say."""
    said: defaultdict[str, _Said] = defaultdict(_Said)
    reader = Reader(sheet)
    works, times = [], []
    for student, notebook in notebooks:
        about = notebook.metadata.get("byhand", {})
        report.silent += "said" not in about
        if seconds := about.get("seconds"):
            times.append(Slow(student, seconds["room"], seconds["judge"]))
        if repaired := about.get("repaired"):
            report.repaired.append(Remarks(student, tuple(repaired)))
        look = [words.removeprefix(LOOK) for words in about.get("said", ())]
        if sheet.tests and not entries[student].points:
            look.append(f"no points: {why_nothing(notebook)}")
        if look:
            report.look.append(Remarks(student, tuple(look)))
        for test, words in _failed(notebook):
            said[NUMBER.sub("0", words)].add(student, test, words)
        works.append(reader.read(student, notebook.cells))
    report.messages = sorted(
        (one.message() for one in said.values()), key=lambda m: (-m.students, m.words)
    )
    times.sort(key=lambda one: -one.seconds)
    report.slowest = times[:SLOWEST]
    report.usual = median(one.seconds for one in times) if times else 0.0
    report.alike = alike(works)


def _changed(course: Course, sheet: Sheet, students: Iterable[str]) -> Iterator[str]:
    """Of whom something else was graded than what there is now."""
    caches = [Cache(course, sheet, walls) for walls in (True, False)]
    for student in students:
        with contextlib.suppress(OSError, Refused):
            before = course.graded(student, sheet.homework).read_text()
            path = course.notebook("submitted", student, sheet.homework)
            data = files.read(path)[0]
            if before not in [cache.submission(student, data) for cache in caches]:
                yield student


class _Said:
    """A message that is the same but for its numbers, and to whom it was said."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.students: set[str] = set()
        self.tests: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, student: str, test: str, words: str) -> None:
        self.words[words] += 1
        self.students.add(student)
        self.tests[test].add(student)

    def message(self) -> Message:
        """In the words in which most have met it."""
        most = max(self.words.values())
        words = min(words for words, times in self.words.items() if times == most)
        tests = [(test, len(students)) for test, students in self.tests.items()]
        tests.sort(key=lambda one: (-one[1], one[0]))
        return Message(words, len(self.students), tuple(tests))


def _failed(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The tests that have failed, and what they have said."""
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader", {})
        if entry.get("grade") and not entry.get("solution"):
            for output in cell.get("outputs", ()):
                if lines := output.get("traceback"):
                    yield entry["grade_id"], " ".join(lines[-1].split()).rstrip(":")
                    break


def _refusal(course: Course, homework: str, student: str) -> str:
    try:
        return course.refusal(student, homework).read_text("utf8").strip()
    except OSError:
        return ""


def outline(course: Course, homework: str) -> tuple[str, dict[str, str]]:
    """A homework's title, and the heading above each registered cell, by its source."""
    path = course.source(homework)
    if not path.exists():
        return homework, {}
    notebook = nbformat.read(path, 4)
    lines = (line for cell in notebook.cells for line in cell.source.splitlines())
    title = next((line[2:].strip() for line in lines if line.startswith("# ")), "")
    return title or homework, titles(notebook)


def _bars(points: list[float], most: float) -> list[Bar]:
    """How many students are in each part of the scale; the last has full marks in it."""
    if not points or most <= 0:
        return []
    width = next((w for w in WIDTHS if most / w <= BARS), most / BARS)
    count = max(1, -int(-most // width))
    found = [0] * count
    for one in points:
        found[min(int(one / width), count - 1)] += 1
    edges = [min(number * width, most) for number in range(count + 1)]
    return [
        Bar(f"{edges[n]:g}–{edges[n + 1]:g}", students)
        for n, students in enumerate(found)
    ]


def _exercises(
    sheet: Sheet, entries: list[Entry], headings: dict[str, str]
) -> list[Success]:
    """How each exercise went, the hardest first; its tests stay in order."""
    parts: dict[str, list[str]] = {}
    for cell in sheet.cells:
        if cell.points:
            heading = headings.get(cell.name) or cell.name
            parts.setdefault(heading, []).append(cell.name)
    worth = {cell.name: cell.points or 0.0 for cell in sheet.cells}
    found = []
    for heading, names in parts.items():
        tests = tuple(_success(name, [name], worth, entries) for name in names)
        whole = _success(heading, names, worth, entries)
        found.append(whole._replace(tests=tests))
    return sorted(found, key=lambda success: success.share)


def _success(
    title: str, names: list[str], worth: dict[str, float], entries: list[Entry]
) -> Success:
    most = sum(worth[name] for name in names)
    earned = []
    waiting = 0
    for entry in entries:
        points = [entry.marks[name].points for name in names if name in entry.marks]
        if None in points:
            waiting += 1
        else:
            earned.append(sum(one or 0.0 for one in points))
    full = sum(one >= most for one in earned)
    none = sum(one <= 0 for one in earned)
    part = len(earned) - full - none
    share = mean(earned) / most if earned else 0.0
    return Success(title, most, full, part, none, waiting, share)
