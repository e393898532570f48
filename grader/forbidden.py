"""Which tests a submission cannot pass, because of what the code they are about calls."""

from byhand import banned
from grader.cells import names, tree
from grader.sheet import Cell, Sheet


def forbidden(cells: list[Cell], sheet: Sheet) -> dict[str, dict]:
    """For each such test its error: the name that is not allowed, its cell and line.

    A test is about the cells that define the names that it uses, the cells that define
    the names that these use, and so on. What keeps a cell from being read (`eval`, …)
    fails all tests.
    """
    if not sheet.banned:
        return {}
    known: dict[str, str] = {}
    parts = []  # (names bound, names used, uses that are forbidden, cell)
    hidden = None  # what keeps this notebook from being read at all
    for place, cell in enumerate(cells, start=1):
        registered = sheet[cell.name] if cell.name else None
        if not cell.code or (registered and registered.kind == "test"):
            continue
        label = cell.name or f"cell {place}"
        bound, used, found = set(), set(), []
        try:
            for text in banned.parts(cell.source):
                read = tree(text)
                if read is None:
                    raise ValueError
                found += banned.uses(read, sheet.banned, known)
                found_here = banned.tricks(read, known)
                if found_here and not (registered and registered.kind == "given"):
                    hidden = hidden or (label, found_here[0])
                used_here, bound_here = names(text)
                bound |= bound_here
                used |= used_here
        except (ValueError, RecursionError, MemoryError):
            hidden = hidden or (label, banned.Use("what cannot be read", 1))
        if registered and registered.kind == "given":
            found = []
        parts.append((bound, used, found, label))
    if hidden:
        label, use = hidden
        words = (
            f"{label}, line {use.line}: {use.name} hides what your code calls, which is "
            "not allowed in a homework that forbids some calls."
        )
        return {test.name: _not_allowed(words) for test in sheet.tests}
    errors = {}
    for test in sheet.tests:
        for n in sorted(_reached(parts, set(names(test.source)[0]))):
            _, _, found, label = parts[n]
            if found:
                use = found[0]
                words = (
                    f"{use.name} is not allowed in this exercise: {label}, "
                    f"line {use.line}."
                )
                errors[test.name] = _not_allowed(words)
                break
    return errors


def _reached(parts: list[tuple], wanted: set[str]) -> set[int]:
    """The places of the cells that bind these names, or what those cells use, …"""
    reached: set[int] = set()
    while True:
        more = {n for n, p in enumerate(parts) if n not in reached and p[0] & wanted}
        if not more:
            return reached
        reached |= more
        wanted = wanted.union(*(parts[n][1] for n in more))


def _not_allowed(words: str) -> dict:
    return {"type": "NotAllowed", "words": words, "lines": []}
