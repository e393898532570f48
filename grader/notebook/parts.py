"""Whose a part of a cell is: the course's, known by what it binds and says, or not.

Tools lose entries and ids, and formatters, translators and ways through a script change
the text as well; cells are merged, split, and all put into one. So a cell is cut into
its top-level statements, and each is compared with those of the homework's own cells:
as syntax trees without the words in strings, then by the names that it defines and the
words in it.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from byhand.cells import UNREADABLE, names, plain_python, tree
from grader.notebook.sheet import SheetCell

ALIKE = 0.75  # of their words, two statements share so many if they are one
RELATED = 0.4  # likewise, where what stands around them speaks for it
SHORT = 8  # words: shorter statements are the same by their tree, or not at all
CONTINUES = re.compile(r"[)\]}]|(?:else|elif|except|finally|case)\b")


class Part(NamedTuple):
    """A top-level statement with the comments above it, as text.

    Args:
        keys: its syntax tree, without the words in strings; of an import, one for each
            name; none if it is no Python.
        binds: the names that it gives to something.
        defines: those that are functions and classes.
        words: how often each word and sign is in it, without strings and comments.
        kind: of the statement, e.g. "FunctionDef"; "" if it is no Python.
    """

    text: str
    keys: tuple[str, ...]
    binds: frozenset[str]
    defines: frozenset[str]
    words: Counter[str]
    kind: str

    @property
    def idle(self) -> bool:
        """Whether it does nothing: ``pass``, a constant, a name by itself, comments."""
        return self.kind in ("Pass", "Idle") or not self.words


@lru_cache(4096)
def parts(source: str) -> tuple[Part, ...]:
    """A cell, cut into its parts; their texts make the cell again, line by line."""
    return tuple(_part(text) for text in _cut(source) if text.strip())


def _cut(source: str) -> list[str]:
    lines = source.strip("\n").split("\n")
    if lines and lines[0].startswith("%%"):
        return [source]
    text = "\n".join(lines)
    body = _body(text)
    if body is None:
        return _cut_by_lines(lines)
    ends: list[int] = []  # of the parts, as numbers of lines
    for node in body:
        start = min([node.lineno, *(d.lineno for d in _decorators(node))])
        if ends and start <= ends[-1]:  # on one line with the statement before
            ends.pop()
        ends.append(node.end_lineno or node.lineno)
    if not ends:
        return [text]
    ends[-1] = len(lines)
    starts = [0, *ends[:-1]]
    return ["\n".join(lines[a:b]) for a, b in zip(starts, ends, strict=True)]


def _body(text: str) -> list[ast.stmt] | None:
    """The statements of a cell whose lines are where they are in the text."""
    found = tree(text)
    if found is None:
        try:
            plain = plain_python(text)
            if len(plain.rstrip("\n").split("\n")) != len(
                text.rstrip("\n").split("\n")
            ):
                return None
            found = ast.parse(plain)
        except UNREADABLE:
            return None
    return found.body


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])


def _cut_by_lines(lines: list[str]) -> list[str]:
    """The same where it is no Python: at lines that begin at the margin."""
    found: list[list[str]] = [[]]
    inside = False  # a string of several lines
    for line in lines:
        begins = bool(line.strip()) and not line[0].isspace() and not inside
        before = [text for text in found[-1] if text.strip()]
        code = [text for text in before if not text.startswith("#")]
        open_ended = code and code[-1].startswith("@")
        if begins and code and not open_ended and not CONTINUES.match(line):
            found.append([])
        found[-1].append(line)
        if len(re.findall(r'"""|' + "'''", line)) % 2:
            inside = not inside
    return ["\n".join(part) for part in found]


def _part(text: str) -> Part:
    words = _words_of(text)
    try:
        body = ast.parse(plain_python(text)).body
    except UNREADABLE:
        found = frozenset(re.findall(r"^(?:def|class)\s+(\w+)", text, re.M))
        return Part(text, (), found, found, words, "")
    keys = tuple(key for node in body for key in _keys(node))
    made = {n.name for n in body if isinstance(n, DEFINITIONS)}
    kind = type(body[-1]).__name__ if body else ""
    if body and all(_is_idle(node) for node in body):
        kind = "Idle"
    if len(body) > 1 and all(isinstance(n, IMPORTS) for n in body):
        kind = "Import"
    return Part(text, keys, names(text)[1], frozenset(made), words, kind)


DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def _is_idle(node: ast.stmt) -> bool:
    value = isinstance(node, ast.Expr) and isinstance(
        node.value, (ast.Constant, ast.Name)
    )
    return value or isinstance(node, ast.Pass)


def _keys(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"import {alias.name} as {alias.asname}" for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"from {node.module} import {a.name} as {a.asname}" for a in node.names]
    text = re.sub(r"Constant\(value=[bu]?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
                  r"(?:, kind='u')?\)", "TEXT", ast.dump(node))  # fmt: skip
    return [re.sub(r"Expr\(value=TEXT\)(?:, )?", "", text)]


def _words_of(text: str) -> Counter[str]:
    bare = re.sub(r'"""[\s\S]*?"""|' + r"'''[\s\S]*?'''", "", text)
    bare = re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", "", bare)
    bare = re.sub(r"#.*", "", bare)
    return Counter(re.findall(r"\w+|[-+*/@%<>=]+", bare))


def alike(one: Counter[str], other: Counter[str]) -> float:
    """How many of their words two texts share: 0 none, 1 all."""
    size = one.total() + other.total()
    return 2 * (one & other).total() / size if size else 0.0


class Course:
    """The homework's own cells, by their parts.

    Args:
        given: given and test cells, without hidden tests: their names and sources.
        asked: the names that the homework asks for, with the cell that asks.
        others: the texts of the homework's other cells, which stay where they are.
    """

    def __init__(
        self,
        given: Iterable[SheetCell],
        asked: dict[str, str],
        others: Iterable[str] = (),
    ):
        self.asked = asked
        given = list(given)
        self.kept = frozenset(cell.name for cell in given if cell.kind == "given")
        self.cells: dict[str, tuple[Part, ...]] = {}
        for cell in given:
            self.cells[cell.name] = parts(released(cell.source))
        self.holders: dict[str, set[str]] = {}  # of a statement
        self.definers: dict[str, list[tuple[str, Part]]] = {}
        self.lines: set[str] = set()
        self.imports: set[str] = set()
        self.comments: dict[str, set[str]] = {}
        self.free = {key for text in others for p in parts(text) for key in p.keys}
        for name, found in self.cells.items():
            for part in found:
                for key in part.keys:
                    self.holders.setdefault(key, set()).add(name)
                for made in part.defines:
                    self.definers.setdefault(made, []).append((name, part))
                for line in map(str.strip, part.text.split("\n")):
                    if line.startswith("#"):
                        self.comments.setdefault(line.lstrip("# "), set()).add(name)
                    elif re.match(r"(import|from)\b", line):
                        self.imports.add(line)
                    elif len(line) > 12:
                        self.lines.add(line)

    @cached_property
    def _statements(self) -> list[tuple[str, Part]]:
        return [(name, part) for name, found in self.cells.items() for part in found]

    def may_be_in(self, source: str, lost: bool) -> bool:
        """Whether anything of the course's could be in a cell (quick, and generous).

        Args:
            lost: whether some of its cells are nowhere else.
        """
        made = re.findall(r"^(?:def|class)\s+(\w+)", source, re.M)
        if not self.definers.keys().isdisjoint(made):
            return True
        return any(
            line in self.lines
            or line.lstrip("# ") in self.comments
            or (lost and line in self.imports)
            for line in map(str.strip, source.split("\n"))
        )

    def candidates(self, part: Part) -> set[str]:
        """The cells of the course of which a part may be."""
        if header := self._header(part):
            return {header}
        if not part.keys or not part.words:
            return set()
        if self.free.issuperset(part.keys) and self.holders.keys().isdisjoint(
            part.keys
        ):
            return set()
        found = [self.holders.get(key, set()) for key in part.keys]
        if all(found):
            return set.intersection(*found) or set.union(*found)
        for made in part.defines:
            for name, own in self.definers.get(made, ()):
                least = 0.3 if made.startswith("test_") else 0.6
                if alike(part.words, own.words) >= least:
                    return {name}
        if part.kind == "Try":  # the library was installed in another way last year
            tried = re.search(r"^try:\n.*", part.text, re.M)
            for name, own in self._statements:
                if tried and own.kind == "Try" and tried[0] in own.text:
                    return {name}
        if part.kind.startswith("Import") or part.words.total() < SHORT:
            return set()
        best = max(
            ((alike(part.words, own.words), name) for name, own in self._statements),
            default=(0.0, ""),
        )
        return {best[1]} if best[0] >= ALIKE else set()

    def _header(self, part: Part) -> str:
        """The cell of the course's whose own comment stands above a part, or ""."""
        for line in reversed([line.strip() for line in part.text.split("\n")]):
            said = line.lstrip("# ") if line.startswith("#") else ""
            holders = self.comments.get(said, set())
            if len(holders) == 1 and (said.count(" ") > 2 or not part.words):
                return next(iter(holders))
        return ""

    def is_edited(self, part: Part, home: str) -> bool:
        """Whether a part that stands in a cell of the course's is the course's, edited."""
        own = self.cells[home]
        bound = frozenset().union(*(one.binds for one in own))
        if part.binds and part.binds <= bound:
            return True
        best = max((alike(part.words, one.words) for one in own), default=0.0)
        return best >= (RELATED if not part.binds else ALIKE)

    def labels(self, found: list[Part], homes: list[str | None]) -> list[str | None]:
        """For each of these parts, in order, the registered cell of which it is.

        One of the course's, or one that asks for what the part defines; None: neither,
        or who knows.

        Args:
            homes: the registered cells in which they stand.
        """
        options: list[set[str]] = []
        for part in found:
            asks = {self.asked[made] for made in part.defines if made in self.asked}
            options.append(asks if asks else self.candidates(part))
        labels = [next(iter(o)) if len(o) == 1 else None for o in options]
        for n, part in enumerate(found):
            # an import, or something as common, is of the cell that it stands with
            common = part.kind.startswith("Import") and not self._header(part)
            labels[n] = None if common else labels[n]
        for n, some in enumerate(options):
            if labels[n] is None and some and homes[n] in some:
                labels[n] = homes[n]
        for order in (range(len(found) - 1, -1, -1), range(len(found))):
            near: str | None = None
            for n in order:
                above = found[n].kind.startswith("Import") and order.step > 0
                if labels[n] is None and near in options[n] and not above:
                    labels[n] = near
                near = labels[n] if labels[n] or not options[n] else near
        return labels


@lru_cache(4096)
def released(source: str) -> str:
    """A registered cell as students get it: without hidden tests."""
    return re.sub(r"(?ms)^[^\n]*### BEGIN HIDDEN.*?### END HIDDEN[^\n]*$", "", source)
