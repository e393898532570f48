"""Submissions that are nearly the same, in what the students themselves have written.

Compared are the cells that students fill in, without what stood there when they got them.
What counts is the *structure*: the sequence of Python's own words, signs, attributes and
well-known functions, in which all names of the student's are the same, and comments and
layout do not show. Renaming, commenting and formatting change nothing of it. The *wording*
of such a pair, with names and comments, says how much of that has been done.

Two sequences are as alike as the share of them that is left when the least is taken out of
both so that the same remains (twice the longest common subsequence by both lengths).
rapidfuzz does that: it is well kept, and installed already, because nbgrader needs it.
(copydetect, made for comparing programs, had no release from March 2024 to November 2026.)
"""

import builtins
import keyword
import re
from collections.abc import Iterable
from itertools import combinations, islice, product
from statistics import median
from typing import NamedTuple

from nbformat import NotebookNode
from rapidfuzz.distance import Indel

from grader.notebook.sheet import Sheet

NEARLY = 0.9  # from here on two are worth a look
LEAST = 60  # tokens: of less, much is the same by chance
MOST = 5_000  # tokens of a submission that are compared
# a text that nobody has closed ends with its line, or with the cell: where it did not
# match, the next quote would be tried, and so on, in time that grows as the square
TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<text>[rbfuRBFU]{0,2}(?:\"{3}[\s\S]*?(?:\"{3}|\Z)|'{3}[\s\S]*?(?:'{3}|\Z)
        |"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))
    |(?P<name>[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>[^\s\w])""",
    re.X,
)
# names that say what is done, and that nobody can give to anything else
KNOWN = {*keyword.kwlist, *dir(builtins), "torch", "np", "numpy", "math", "plt"}


class Token(NamedTuple):
    """A piece of a cell: as it is written, and what it is whatever its names are."""

    word: str
    kind: str  # "" for a comment, which is no part of the structure


class Work(NamedTuple):
    """What a student has written: its structure and wording, a character for each token."""

    student: str
    structure: str
    wording: str


class Group(NamedTuple):
    """Students whose work is nearly the same.

    Args:
        structure, wording: of the least and of the most similar pair, from 0 to 1.
    """

    students: tuple[str, ...]
    structure: tuple[float, float]
    wording: tuple[float, float]


class Alike(NamedTuple):
    """What was found in a class.

    Args:
        groups: the largest similarity first.
        usual: the similarity of the median pair; None: there is no pair.
        compared: how many students' work was long enough.
    """

    groups: list[Group]
    usual: float | None
    compared: int


class Reader:
    """Reads what students have written, for one class.

    Args:
        sheet: says what stood in the cells when students got them.
    """

    def __init__(self, sheet: Sheet):
        self.given = {
            cell.name: [token.word for token in _tokens(cell.source)]
            for cell in sheet.cells
            if cell.kind in ("solution", "manual", "task")
        }
        self.characters: dict[str, str] = {}

    def read(self, student: str, cells: Iterable[NotebookNode]) -> Work:
        """The work in a graded notebook's cells."""
        own: list[Token] = []
        for cell in cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in self.given and len(own) < MOST:
                own += _without(_tokens(cell.source), self.given[name])
        own = own[:MOST]
        structure = self._packed(token.kind for token in own if token.kind)
        return Work(student, structure, self._packed(token.word for token in own))

    def _packed(self, words: Iterable[str]) -> str:
        """A character for each word: strings are what rapidfuzz is fastest at."""
        known = self.characters
        return "".join(known.setdefault(w, chr(0x10000 + len(known))) for w in words)


def alike(works: list[Work]) -> Alike:
    """Compare each with each."""
    works = [work for work in works if len(work.structure) >= LEAST]
    every = []
    near: dict[tuple[int, int], float] = {}
    for (one, first), (other, second) in combinations(enumerate(works), 2):
        share = Indel.normalized_similarity(first.structure, second.structure)
        every.append(share)
        if share >= NEARLY:
            near[one, other] = share
    groups = [_group(works, near, members) for members in _cliques(near)]
    groups.sort(key=lambda group: (-group.structure[1], -group.wording[1]))
    return Alike(groups, median(every) if every else None, len(works))


def _group(
    works: list[Work], near: dict[tuple[int, int], float], members: set[int]
) -> Group:
    pairs = list(combinations(sorted(members), 2))
    structure = [near[pair] for pair in pairs]
    wording = [
        Indel.normalized_similarity(works[one].wording, works[other].wording)
        for one, other in pairs
    ]
    students = tuple(works[member].student for member in sorted(members))
    least_and_most = [(min(shares), max(shares)) for shares in (structure, wording)]
    return Group(students, *least_and_most)


def _cliques(near: dict[tuple[int, int], float]) -> list[set[int]]:
    """Groups in which each is near to each; every such pair is in one of them."""
    groups: list[set[int]] = []
    home: dict[int, set[int]] = {}
    for one, other in sorted(near, key=lambda pair: -near[pair]):
        first, second = home.get(one, {one}), home.get(other, {other})
        if first is second:
            continue
        if all((min(p), max(p)) in near for p in product(first, second)):
            joined = first | second
            home |= dict.fromkeys(joined, joined)
            groups = [g for g in groups if g is not first and g is not second]
            groups.append(joined)
        else:
            groups.append({one, other})
    return groups


def _tokens(source: str) -> list[Token]:
    found = []
    before = ""
    for match in islice(TOKEN.finditer(source[: 20 * MOST]), MOST):
        word, kind = match[0], str(match.lastgroup)
        if kind == "name" and (before == "." or word in KNOWN):
            kind = word
        elif kind in ("sign", "comment"):
            kind = word if kind == "sign" else ""
        found.append(Token(word, kind))
        before = word
    return found


def _without(tokens: list[Token], given: list[str]) -> list[Token]:
    """What is left of a cell without what stood in it before."""
    words = [token.word for token in tokens]
    return [
        token
        for piece in Indel.opcodes(given, words)
        if piece.tag == "insert"
        for token in tokens[piece.dest_start : piece.dest_end]
    ]
