"""The homework as it was given out: to tell work from a copy that nobody has touched."""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from grader.errors import Unreadable
from grader.notebook.decoding import decode
from grader.notebook.reading import joined

STUBS = ("YOUR CODE HERE", "raise NotImplementedError", "YOUR ANSWER HERE")


class Starter:
    """A homework's notebook without any work in it.

    Args:
        root: the course's.
        homework: its name.
    """

    def __init__(self, root: Path, homework: str):
        self.homework = homework
        self.given = _given(root, homework)

    def has_work(self, content: bytes) -> bool:
        """Whether it is a notebook that says anything else."""
        return _cells(content) is not None and not self.is_untouched(content)

    def is_untouched(self, content: bytes) -> bool:
        """Whether all that a notebook says is what was given out."""
        cells = _cells(content)
        return bool(self.given) and cells is not None and set(cells) <= self.given

    def work(self, content: bytes) -> str:
        """The same for two notebooks that differ in outputs or metadata only.

        "" if it is no notebook.
        """
        cells = _cells(content)
        if cells is None:
            return ""
        return hashlib.sha256("\0".join(cells).encode()).hexdigest()


def _cells(content: bytes) -> list[str] | None:
    try:
        found, _ = decode(content)
    except Unreadable:
        return None
    return [text for text in _texts(found) if text]


def _texts(content: dict[str, Any]) -> Iterator[str]:
    cells = content.get("cells")
    if not isinstance(cells, list):
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        found = [s.get("cells") for s in sheets if isinstance(s, dict)]
        cells = [c for part in found if isinstance(part, list) for c in part]
    for cell in cells:
        if isinstance(cell, dict):
            text = joined(cell.get("source", cell.get("input", "")))
            yield " ".join(text.split())


@lru_cache(8)
def _given(root: Path, homework: str) -> frozenset[str]:
    """The words of each cell that students get; nothing if the homework is not here."""
    found: set[str] = set()
    for folder in ("assignments", "solutions"):
        path = root / folder / homework / f"{homework}.ipynb"
        try:
            content = json.loads(path.read_text("utf8"))
        except (OSError, ValueError):
            continue
        for cell in content["cells"]:
            source = joined(cell["source"])
            if folder == "solutions":  # where nothing has been released
                source = _cleared(source, cell["cell_type"] == "code")
            found.add(" ".join(source.split()))
    return frozenset(found)


def _cleared(source: str, code: bool) -> str:
    """As nbgrader clears a cell of its solution and hidden tests."""
    stub = f"# {STUBS[0]}\n{STUBS[1]}()" if code else STUBS[2]
    pattern = r"(?ms)^[^\n]*### BEGIN SOLUTION.*?### END SOLUTION[^\n]*$"
    source = re.sub(pattern, lambda _: stub, source)
    return re.sub(r"(?ms)^[^\n]*### BEGIN HIDDEN.*?### END HIDDEN[^\n]*$", "", source)
