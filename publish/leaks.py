"""Is a line of a solution, of a hidden test, or of a list of answers to be read there?

A line is *telling* if it is long, and nowhere to be read by students anyway: the chapters
teach much of what the homeworks ask for, and a hidden test says much that a visible one
does, too.
"""

import html
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import nbformat

STUB = "raise NotImplementedError()"  # what students find in the place of a solution
LENGTH = 30  # characters; shorter lines are much the same in all programs
# Right answers, wrong ones, and ways around the rules.
LISTS = (
    "tests/homeworks/**/*.py",
    "tests/attacks/*.py",
    "tests/cheats.py",
    "tests/habits.py",
    "tests/support/answers.py",
)
# What the book teaches in other words, and a public test may say in these.
TAUGHT = {"m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2"}  # chapter 8: Adam
OPEN = ("book/*.ipynb", "book/*.md", "book/*.py", "byhand/**/*.py")
REGION = re.compile(
    r"^[^\n]*### BEGIN (?:SOLUTION|HIDDEN TESTS)[^\n]*\n(.*?)^[^\n]*### END [^\n]*$",
    re.S | re.M,
)


class Text:
    """A text in which many lines are looked for, however it is laid out."""

    def __init__(self, text: str):
        self.text = _words(text)
        self.words = set(re.findall(r"\w+", text))

    def __contains__(self, line: str) -> bool:
        # most lines have a word that is not there at all
        return self.words.issuperset(re.findall(r"\w+", line)) and line in self.text


@dataclass(frozen=True)
class Secrets:
    """Telling lines, each with the file that it is from."""

    lines: dict[str, str]

    @classmethod
    def of(cls, root: Path) -> "Secrets":
        """Collect them from the instructors' repository."""
        secret: dict[str, str] = {}
        public = [_text(path) for path in _paths(root, OPEN)]
        for path in _paths(root, ("solutions/*/*.ipynb",)):
            for cell in nbformat.read(path, as_version=4).cells:
                for part in REGION.findall(cell.source):
                    secret |= dict.fromkeys(_lines(part), _name(path, root))
                public.append(REGION.sub(STUB, cell.source))
        for path in _paths(root, LISTS):
            secret = dict.fromkeys(_lines(_text(path)), _name(path, root)) | secret
        known = Text("\n".join([*public, *TAUGHT]))
        return cls({line: of for line, of in secret.items() if line not in known})

    def found_in(self, files: dict[str, bytes]) -> list[str]:
        """Say which of these files holds which telling line.

        Args:
            files: contents by path: of a public tree, or of the built pages.
        """
        leaks = []
        for name, content in files.items():
            text = Text(readable(name, content))
            for line, of in self.lines.items():
                if line in text:
                    leaks.append(f"{name}: a line of {of}: {line[:60]}")
        return leaks


def readable(name: str, content: bytes) -> str:
    """Return what a reader could find in a file: a notebook's cells, a page's text."""
    if name.endswith((".whl", ".zip")):
        with ZipFile(io.BytesIO(content)) as archive:
            inside = {part: archive.read(part) for part in archive.namelist()}
        return "\n".join(readable(*part) for part in inside.items())
    text = content.decode("utf8", errors="ignore")
    if name.endswith(".ipynb"):
        return "\n".join(_strings(json.loads(text)))
    if name.endswith((".html", ".svg")):  # scripts, too: their data may hold text
        text = html.unescape(re.sub(r"<[^<>]*>", "", text))
    if name.endswith((".html", ".js", ".json")):
        text += "\n" + _unquoted(text)
    return text


def folder(path: Path) -> dict[str, bytes]:
    """Return the files of a folder, by their paths in it."""
    paths = (found for found in sorted(path.rglob("*")) if found.is_file())
    return {found.relative_to(path).as_posix(): found.read_bytes() for found in paths}


def _unquoted(text: str) -> str:
    """What stands in the strings of JSON and JavaScript."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    return re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], text)


def _strings(node: object) -> Iterator[str]:
    """All text in a notebook; the lines of a cell make one."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        if node and all(isinstance(part, str) for part in node):
            yield "".join(node)
        else:
            for part in node:
                yield from _strings(part)
    elif isinstance(node, dict):
        for part in node.values():
            yield from _strings(part)


def _words(text: str) -> str:
    """The text with single spaces, however it is laid out."""
    return " ".join(text.split())


def _lines(text: str) -> set[str]:
    lines = {_words(line) for line in text.splitlines()}
    return {line for line in lines if len(line) >= LENGTH}


def _text(path: Path) -> str:
    return readable(path.name, path.read_bytes())


def _paths(root: Path, patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(root.glob(pattern))]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
