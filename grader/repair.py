"""Put right what tools and students do to a notebook's cells; the grader's rules win.

Colab and VS Code rewrite or drop metadata; cells get copied, split, moved, retyped or
deleted; points and locks get edited. After :func:`repair`, each registered cell is
there once, with the metadata, the points and (if it is locked) the source that it must
have, in an order in which it can be graded; all other cells are ordinary ones.
"""

import ast
import json
import re
from functools import lru_cache

from nbformat import NotebookNode, from_dict

from grader.outputs import shown
from grader.sheet import Cell, Sheet, SheetCell

MAX_CELLS = 2_000
MAX_SOURCE = 500_000  # characters of one cell
MAX_SOURCES = 2_000_000  # of all


class Unreadable(Exception):
    """This is no notebook that can be graded; the message says why."""


def read(data: bytes, outputs: bool = False) -> NotebookNode:
    """The notebook in a file, whatever version, encoding mark or fault it has.

    Args:
        outputs: whether the text and the pictures that cells had shown are kept.

    Raises:
        Unreadable: there is no notebook in it.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("the file is not text in UTF-8") from None
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error)[:100]
        raise Unreadable(f"the file is not a notebook ({reason})") from None
    if not isinstance(content, dict):
        raise Unreadable("the file is not a notebook (it holds no cells)")
    cells = content.get("cells")
    if cells is None:  # versions 1 to 3 kept them in worksheets
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        found = [s.get("cells") for s in sheets if isinstance(s, dict)]
        cells = [c for part in found if isinstance(part, list) for c in part]
    if not isinstance(cells, list) or not any(isinstance(c, dict) for c in cells):
        raise Unreadable("the file is not a notebook (it holds no cells)")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(cells):,} cells")
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python"}
    metadata = {"kernelspec": kernel | {"name": "python3"}}
    notebook = from_dict(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": []}
    )
    cells = [c for c in cells if isinstance(c, dict)]
    notebook.cells = [_cell(c) for c in cells]
    size = sum(len(cell.source) for cell in notebook.cells)
    if size > MAX_SOURCES:
        raise Unreadable(f"its cells have {size:,} characters")
    if outputs:
        kept = shown(_saved(c.get("outputs")) for c in cells)
        for cell, found in zip(notebook.cells, kept, strict=True):
            if cell.cell_type == "code":
                cell.outputs = from_dict(found)
    return notebook


def cells_of(notebook: NotebookNode) -> list[Cell]:
    """The cells of a repaired notebook."""
    return [
        Cell(
            cell.metadata.get("nbgrader", {}).get("grade_id"),
            cell.cell_type == "code",
            cell.source,
        )
        for cell in notebook.cells
    ]


def _saved(outputs) -> list[dict]:
    """The outputs that were saved with a cell, as a room would send them."""

    def text(value) -> str:
        parts = value if isinstance(value, list) else [value]
        whole = "".join(part for part in parts if isinstance(part, str))
        return whole.encode("utf-8", "replace").decode()

    found = []
    outputs = outputs if isinstance(outputs, list) else []
    for output in (o for o in outputs if isinstance(o, dict)):
        if isinstance(output.get("data"), dict):
            found.append({"data": {k: text(v) for k, v in output["data"].items()}})
        elif output.get("output_type") == "error":
            words = f"{text(output.get('ename'))}: {text(output.get('evalue'))}\n"
            found.append({"stream": "stderr", "text": words})
        else:
            words = text(output.get("text"))
            found.append({"stream": output.get("name"), "text": words})
    return found


def _cell(cell: dict) -> NotebookNode:
    """A clean cell with the source, the id and the nbgrader entry of a submitted one."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = source if isinstance(source, str) else ""
    source = source.encode("utf-8", "replace").decode()  # no lone surrogates
    if len(source) > MAX_SOURCE:
        raise Unreadable(f"one cell has {len(source):,} characters")
    new = _new(cell.get("cell_type") == "code", source)
    metadata = cell.get("metadata")
    entry = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(entry, dict) and isinstance(entry.get("grade_id"), str):
        new.metadata["nbgrader"] = {"grade_id": entry["grade_id"]}
    own = cell.get("id")
    new.id = own if isinstance(own, str) and re.fullmatch(r"[\w-]{1,64}", own) else ""
    return new


def _new(code: bool, source: str) -> NotebookNode:
    """A cell; nbformat's own functions check each, which takes a millisecond."""
    cell = NotebookNode(id="", metadata=NotebookNode(), source=source)
    if code:
        cell |= {"cell_type": "code", "outputs": [], "execution_count": None}
    else:
        cell["cell_type"] = "markdown"
    return cell


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


def _assign(cells: list, sheet: Sheet, notes: list[str]) -> dict[str, NotebookNode]:
    """Which cell is which registered one."""
    chosen: dict[str, NotebookNode] = {}
    taken: set[int] = set()

    entries: dict[str, list] = {}
    ids: dict[str, list] = {}
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
        made = defined(registered.source) if registered.cell_type == "code" else ()
        if not made:
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
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    if registered.locked and cell.source != registered.source:
        cell.source = registered.source


def _put_back(notebook, sheet: Sheet, chosen: dict, notes: list[str]) -> None:
    """Restore deleted cells after the one before them; and tests that moved up."""
    place = {id(cell): n for n, cell in enumerate(notebook.cells)}
    latest = -1  # no registered cell runs before one that comes before it in the sheet
    moved = []
    for registered in sheet.cells:
        cell = chosen.get(registered.name)
        if cell is None:
            notes.append(f"{registered.name}: it was deleted, and is put back")
            code = registered.cell_type == "code"
            cell = _new(code, registered.source)
            cell.metadata["nbgrader"] = registered.metadata
            moved.append((latest + 0.5, cell))
        elif place[id(cell)] < latest and registered.kind == "test":
            notes.append(f"{registered.name}: it had been moved up")
            moved.append((latest + 0.5, cell))
        else:
            latest = max(latest, place[id(cell)])
    away = {id(cell) for _, cell in moved}
    rest = [(n, c) for n, c in enumerate(notebook.cells) if id(c) not in away]
    ordered = sorted(
        rest + moved, key=lambda pair: pair[0]
    )  # stable: the sheet's order
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
def defined(source: str) -> set[str]:
    """The functions and classes that a cell defines."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:def|class)\s+(\w+)", source, re.M))
    kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    return {node.name for node in body if isinstance(node, kinds)}


@lru_cache(4096)
def _released(source: str) -> str:
    """A registered cell as students get it: without hidden tests."""
    return re.sub(r"(?ms)^[^\n]*### BEGIN HIDDEN.*?### END HIDDEN[^\n]*$", "", source)


def _same(one: str, other: str) -> bool:
    return _words(one) == _words(other)


@lru_cache(4096)
def _words(source: str) -> str:
    return " ".join(source.split())
