"""A homework's sheet, as the gradebook gives it, without a gradebook."""

from functools import cache

import nbformat
from nbgrader.utils import compute_checksum

from grader.notebook.sheet import Sheet, SheetCell
from tests.support.solutions import ROOT


@cache
def sheet_of(homework: str) -> Sheet:
    """What `grader.records.sheets` makes of a homework that has been released."""
    source, released = (
        nbformat.read(ROOT / folder / homework / f"{homework}.ipynb", 4)
        for folder in ("solutions", "assignments")
    )
    given = {cell.id: cell.source for cell in released.cells}
    cells = []
    for cell in source.cells:
        meta = cell.metadata.get("nbgrader")
        if meta:
            kind = "test" if meta["grade"] else "solution"
            kind = "given" if not (meta["grade"] or meta["solution"]) else kind
            if kind == "solution":
                cell.source = given[cell.id]  # without the solution
            cells.append(
                SheetCell(
                    *(meta["grade_id"], kind, cell.cell_type, cell.source),
                    *(compute_checksum(cell), kind != "solution", meta.get("points")),
                )
            )
    rules = source.metadata["byhand"]
    forbidden = (tuple(rules[key]) for key in ("banned", "operators"))
    return Sheet(homework, tuple(cells), *forbidden)
