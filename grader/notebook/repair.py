"""Put right what tools and students do to a notebook's cells; the grader's rules win.

Colab and VS Code rewrite or drop metadata; cells get copied, split, moved, retyped or
deleted; points and locks get edited. After :func:`repair`, each registered cell is
there once, with the metadata, the points and (if it is locked) the source that it must
have, in an order in which it can be graded; all other cells are ordinary ones.
"""

import re
from functools import lru_cache

from nbformat import NotebookNode

from byhand.cells import defined
from grader.notebook.reading import new_cell
from grader.notebook.sheet import Sheet, SheetCell


def repair(notebook: NotebookNode, sheet: Sheet) -> list[str]:
    """Put the registered cells right, in place; what was done, in words.

    A registered cell is known by its nbgrader entry; without one by its id, by its
    source (a locked cell), or by the functions and classes that it defines.
    """
    notes: list[str] = []
    chosen = _assign(notebook.cells, sheet, notes)
    names = {id(cell): name for name, cell in chosen.items()}
    # other copies of tests and given cells are no work of the student's
    given = {_words(_released(cell.source)) for cell in sheet.cells if cell.locked}
    notebook.cells = [
        cell
        for cell in notebook.cells
        if id(cell) in names or _words(cell.source) not in given
    ]
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        name = names.get(id(cell))
        if name:
            _put_right(cell, sheet[name], notes)
    _put_back(notebook, sheet, chosen, notes)
    _unique_ids(notebook)
    return notes


def _assign(
    cells: list[NotebookNode], sheet: Sheet, notes: list[str]
) -> dict[str, NotebookNode]:
    """Which cell is which registered one."""
    chosen: dict[str, NotebookNode] = {}
    taken: set[int] = set()

    entries: dict[str, list[NotebookNode]] = {}
    ids: dict[str, list[NotebookNode]] = {}
    for cell in cells:
        if entry := cell.metadata.get("nbgrader"):
            entries.setdefault(entry["grade_id"], []).append(cell)
        else:
            ids.setdefault(cell.id, []).append(cell)
    rest = [c for c in cells if "nbgrader" not in c.metadata]

    def candidates(registered: SheetCell, step: int) -> list[NotebookNode]:
        if step == 0:
            return entries.get(registered.name, [])
        if step == 1:
            return ids.get(registered.name, [])
        if registered.locked:
            return [c for c in rest if _same(c.source, _released(registered.source))]
        made = defined(registered.source)
        if registered.cell_type != "code" or not made:
            return []
        return [c for c in rest if c.cell_type == "code" and made <= defined(c.source)]

    for step in range(3):
        for registered in sheet.cells:
            if registered.name in chosen:
                continue
            found = candidates(registered, step)
            free = [c for c in found if id(c) not in taken]
            if not free:
                continue
            cell = _choose(free, registered)
            chosen[registered.name] = cell
            taken.add(id(cell))
            if step:
                notes.append(f"{registered.name}: it had lost its metadata")
            if len(free) > 1:
                notes.append(
                    f"{registered.name}: it was there {len(free)} times; one of them "
                    "counts"
                )
    return chosen


def _choose(cells: list[NotebookNode], registered: SheetCell) -> NotebookNode:
    """Of copies of a cell, the one that counts: the first that was worked on."""
    if registered.kind in ("solution", "manual"):
        made = defined(registered.source)
        for cell in cells:
            changed = not _same(cell.source, registered.source)
            if changed and cell.source.strip() and made <= defined(cell.source):
                return cell
    return cells[0]


def _put_right(cell: NotebookNode, registered: SheetCell, notes: list[str]) -> None:
    cell.metadata["nbgrader"] = registered.metadata
    if cell.cell_type != registered.cell_type:
        notes.append(f"{registered.name}: it was made a {cell.cell_type} cell")
        cell.cell_type = registered.cell_type
        if registered.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.pop("attachments", None)
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    if registered.locked and cell.source != registered.source:
        cell.source = registered.source


def _put_back(
    notebook: NotebookNode,
    sheet: Sheet,
    chosen: dict[str, NotebookNode],
    notes: list[str],
) -> None:
    """Restore deleted cells after the one before them; and tests that moved up."""
    place = {id(cell): n for n, cell in enumerate(notebook.cells)}
    latest = (
        -1.0
    )  # no registered cell runs before one that comes before it in the sheet
    moved: list[tuple[float, NotebookNode]] = []
    for registered in sheet.cells:
        cell = chosen.get(registered.name)
        if cell is None:
            notes.append(f"{registered.name}: it was deleted, and is put back")
            code = registered.cell_type == "code"
            cell = new_cell(code, registered.source)
            cell.metadata["nbgrader"] = registered.metadata
            moved.append((latest + 0.5, cell))
        elif place[id(cell)] < latest and registered.kind == "test":
            notes.append(f"{registered.name}: it had been moved up")
            moved.append((latest + 0.5, cell))
        else:
            latest = max(latest, place[id(cell)])
    away = {id(cell) for _, cell in moved}
    rest = [(n, c) for n, c in enumerate(notebook.cells) if id(c) not in away]
    # stable: in the sheet's order
    ordered = sorted([*rest, *moved], key=lambda pair: pair[0])
    notebook.cells = [cell for _, cell in ordered]


def _unique_ids(notebook: NotebookNode) -> None:
    """Registered cells are called as in the sheet, all others cell-1, cell-2, …"""
    seen = {c.metadata.nbgrader.grade_id for c in notebook.cells if c.metadata}
    for n, cell in enumerate(notebook.cells, start=1):
        if cell.metadata:
            name = cell.metadata["nbgrader"]["grade_id"]
            cell.id = name if re.fullmatch(r"[\w-]{1,64}", name) else f"registered-{n}"
        elif not cell.id or cell.id in seen:
            cell.id = f"cell-{n}" if f"cell-{n}" not in seen else f"other-{n}"
        seen.add(cell.id)


@lru_cache(4096)
def _released(source: str) -> str:
    """A registered cell as students get it: without hidden tests."""
    return re.sub(r"(?ms)^[^\n]*### BEGIN HIDDEN.*?### END HIDDEN[^\n]*$", "", source)


def _same(one: str, other: str) -> bool:
    return _words(one) == _words(other)


@lru_cache(4096)
def _words(source: str) -> str:
    return " ".join(source.split())
