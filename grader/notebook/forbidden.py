"""What looks forbidden in a submission's text: worth a look, and no point less.

What a test really runs is refused where it runs (`grader.inside.guard`). Reading finds
what nobody runs as well, and does not find what is hidden well: so it only hints.
"""

import re
from functools import lru_cache

from byhand.banned import HIDING, PARTS, Written, read_cells
from grader.notebook.sheet import Cell, Sheet

MOST = 5  # hints in a notebook


def hints(cells: list[Cell], sheet: Sheet) -> list[str]:
    """For the instructor: cells and lines with names that the homework forbids."""
    found = look(cells, sheet)
    if len(found) > MOST:
        found[MOST - 1 :] = [f"and {len(found) - MOST + 1} more"]
    return [f"worth a look: {words}" for words in found]


def look(cells: list[Cell], sheet: Sheet) -> list[str]:
    """All of them."""
    if not sheet.banned:
        return []
    worth = _worth_reading(sheet.banned)
    written = _written(cells, sheet)
    if not any(worth.search(cell.source) for cell in written if not cell.given):
        return []
    return [
        f"{part.label}, line {use.line}: {use.name}"
        for part in read_cells(written, sheet.banned)
        for use in part.forbidden + part.hides
    ]


@lru_cache(16)
def _worth_reading(banned: tuple[str, ...]) -> re.Pattern[str]:
    """Whether a cell can hold anything of that kind; to read it takes long."""
    parts = {pattern.rpartition(".")[2] for pattern in (*banned, *PARTS)}
    names = parts | HIDING | {"import", "getattr", "setattr"}
    return re.compile(rf"\b(?:{'|'.join(sorted(names))}|torch\._\w+)\b|__\w+__|%")


def _written(cells: list[Cell], sheet: Sheet) -> list[Written]:
    """The code cells that are no tests."""
    found = []
    for place, cell in enumerate(cells, start=1):
        registered = sheet.get(cell.name)
        kind = registered.kind if registered else ""
        if cell.code and kind != "test":
            label = cell.name or f"cell {place}"
            given = registered is not None and cell.source == registered.source
            found.append(Written(label, cell.source, given))
    return found
