"""What a homework asks for: its registered cells, and the rules that it sets.

Tests, points and order come from the gradebook, where the release put them, never from
a submission; forbidden calls and limits from the metadata of the source notebook::

    "byhand": {"banned": ["torch.nn", ".backward"], "limits": {"cell": 30}}

The environment variable BYHAND_LIMITS, in JSON too, overrides limits for a trial.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import nbformat
from nbgrader.api import MissingEntry

from grader.course import ROOT, Course, CourseError
from grader.zygote import Kit, Limits

LIMITS = "BYHAND_LIMITS"


@dataclass(frozen=True)
class SheetCell:
    """A registered cell. ``kind``: given, solution, test, manual or task."""

    name: str
    kind: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    points: float | None = None

    @property
    def metadata(self) -> dict:
        """The cell's nbgrader metadata, as it must be."""
        found = {
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
    """All that the judge must know about a homework."""

    homework: str
    cells: tuple[SheetCell, ...]
    banned: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __getitem__(self, name: str) -> SheetCell | None:
        return next((cell for cell in self.cells if cell.name == name), None)

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
        return Kit(tuple(imports), digits, self.banned)

    def as_dict(self) -> dict:
        return asdict(self)


def _imports(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if match := re.match(r"\s*import (.+)", line):
            for part in match[1].split(","):
                yield part.split()[0]
        elif match := re.match(r"\s*from ([\w.]+) import ([\w, ]+)", line):
            for part in match[2].split(","):
                yield f"{match[1]}.{part.split()[0]}"


def load(course: Course, homework: str) -> Sheet:
    """The sheet of a homework that has been released (or registered)."""
    with course.gradebook() as gradebook:
        try:
            notebook = gradebook.find_notebook(homework, homework)
        except MissingEntry:
            raise CourseError(
                f"{homework} is not in the gradebook yet: release it first."
            ) from None
        graded = {cell.name: cell.max_score for cell in notebook.grade_cells}
        solved = {cell.name for cell in notebook.solution_cells}
        tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
        cells = []
        for cell in notebook.source_cells:
            kind = "given"
            if cell.name in graded:
                kind = "manual" if cell.name in solved else "test"
            elif cell.name in tasks:
                kind = "task"
            elif cell.name in solved:
                kind = "solution"
            points = graded.get(cell.name, tasks.get(cell.name))
            cells.append(
                SheetCell(
                    *(cell.name, kind, str(cell.cell_type), cell.source),
                    *(cell.checksum, bool(cell.locked), points),
                )
            )
    rules, order = _source(homework)
    cells.sort(key=lambda cell: order.get(cell.name, len(order)))
    return Sheet(
        homework,
        tuple(cells),
        tuple(rules.get("banned", ())),
        Limits(**rules.get("limits", {}) | json.loads(os.environ.get(LIMITS, "{}"))),
    )


def _source(homework: str) -> tuple[dict, dict[str, int]]:
    """The rules in the source notebook, and the places of its cells."""
    path = ROOT / "solutions" / homework / f"{homework}.ipynb"
    if not path.exists():
        return {}, {}
    notebook = nbformat.read(path, 4)
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in notebook.cells]
    order = {name: place for place, name in enumerate(names) if name}
    return notebook.metadata.get("byhand", {}), order
