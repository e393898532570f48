"""Which tests a submission cannot pass, because of what the code they are about calls."""

from byhand.banned import Found, Written, read_cells
from byhand.cells import names
from grader.notebook.sheet import Cell, Sheet
from grader.wire.messages import Fault, NotAllowed


def forbidden(cells: list[Cell], sheet: Sheet) -> dict[str, Fault]:
    """For each such test its fault: the name that is not allowed, its cell and line.

    A test is about the cells that define the names that it uses, the cells that define
    the names that these use, and so on. What keeps a cell from being read (`eval`, …)
    fails all tests.
    """
    if not sheet.banned:
        return {}
    parts = read_cells(_written(cells, sheet), sheet.banned)
    for part in parts:
        if part.hides:
            use = part.hides[0]
            words = (
                f"{part.label}, line {use.line}: {use.name} hides what your code calls, "
                "which is not allowed in a homework that forbids some calls."
            )
            return {test.name: _not_allowed(words) for test in sheet.tests}
    faults = {}
    for test in sheet.tests:
        for place in sorted(_reached(parts, names(test.source)[0])):
            part = parts[place]
            if part.forbidden:
                use = part.forbidden[0]
                words = (
                    f"{use.name} is not allowed in this exercise: {part.label}, "
                    f"line {use.line}."
                )
                faults[test.name] = _not_allowed(words)
                break
    return faults


def _written(cells: list[Cell], sheet: Sheet) -> list[Written]:
    """The code cells that are no tests."""
    found = []
    for place, cell in enumerate(cells, start=1):
        registered = sheet.get(cell.name)
        kind = registered.kind if registered else ""
        if cell.code and kind != "test":
            label = cell.name or f"cell {place}"
            found.append(Written(label, cell.source, given=kind == "given"))
    return found


def _reached(parts: list[Found], wanted: frozenset[str]) -> set[int]:
    """The places of the cells that bind these names, or what those cells use, …"""
    reached: set[int] = set()
    while True:
        more = {n for n, p in enumerate(parts) if n not in reached and p.binds & wanted}
        if not more:
            return reached
        reached |= more
        wanted = wanted.union(*(parts[n].uses for n in more))


def _not_allowed(words: str) -> Fault:
    return Fault(NotAllowed.__name__, words)
