"""What a homework asks for: its registered cells, and the rules that it sets.

`grader.records.sheets` reads it; here is nothing of nbgrader, which takes a second to
import.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from grader.wire.messages import Kit, Limits

Kind = Literal["given", "solution", "test", "manual", "task"]


@dataclass(frozen=True)
class SheetCell:
    """A registered cell: one with a ``grade_id``."""

    name: str
    kind: Kind
    cell_type: str
    source: str
    checksum: str
    locked: bool
    points: float | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The cell's nbgrader metadata, as it must be."""
        found: dict[str, Any] = {
            "grade": self.kind in ("test", "manual"),
            "grade_id": self.name,
            "locked": self.locked,
            "schema_version": 3,
            "solution": self.kind in ("solution", "manual"),
            "task": self.kind == "task",
            "cell_type": self.cell_type,
            "checksum": self.checksum,
        }
        if self.points is not None:
            found["points"] = self.points
        return found


@dataclass(frozen=True)
class Sheet:
    """All that the judge must know about a homework.

    Args:
        others: the texts of the cells that belong to the homework and are not registered.
    """

    homework: str
    cells: tuple[SheetCell, ...]
    banned: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    salt: str = ""  # the course's secret, from which tests' numbers are drawn
    others: tuple[str, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, SheetCell]:
        return {cell.name: cell for cell in self.cells}

    def __getitem__(self, name: str) -> SheetCell:
        """Raises KeyError: there is no such registered cell."""
        return self._by_name[name]

    def get(self, name: str | None) -> SheetCell | None:
        """The registered cell of that name, if there is one."""
        return None if name is None else self._by_name.get(name)

    @property
    def tests(self) -> list[SheetCell]:
        return [cell for cell in self.cells if cell.kind == "test"]

    @property
    def kit(self) -> Kit:
        """What the cells that students get look for, so that rooms have it at hand."""
        sources = [cell.source for cell in self.cells if cell.cell_type == "code"]
        given = [cell.source for cell in self.cells if cell.kind == "given"]
        imports = sorted({name for source in given for name in _imports(source)})
        digits = any("digits(" in source for source in sources)
        return Kit(tuple(imports), digits, self.banned, self.operators)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Cell(NamedTuple):
    """A cell of a submission: its registered name or None, whether it is code, its text."""

    name: str | None
    code: bool
    source: str


def _imports(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if match := re.match(r"\s*import (.+)", line):
            for part in match[1].split(","):
                yield part.split()[0]
        elif match := re.match(r"\s*from ([\w.]+) import ([\w, ]+)", line):
            for part in match[2].split(","):
                yield f"{match[1]}.{part.split()[0]}"
