"""Read a submission's file: any version, encoding mark or fault that there may be."""

import re
from typing import Any

from nbformat import NotebookNode, from_dict

from grader.errors import Unreadable
from grader.notebook.decoding import HOW, decode
from grader.notebook.outputs import shown
from grader.notebook.pictures import Album
from grader.notebook.sheet import Cell

MAX_CELLS = 2_000
MAX_SOURCE = 500_000  # characters of one cell
MAX_SOURCES = 2_000_000  # of all


def read(data: bytes, outputs: bool = False) -> NotebookNode:
    """The notebook in a file, whatever version, encoding mark or fault it has.

    What was odd about it is noted in its metadata (:func:`remarks`).

    Args:
        outputs: whether the text and the pictures that cells had shown are kept.

    Raises:
        Unreadable: there is no notebook in it.
    """
    content, notes = decode(data)
    cells = content.get("cells")
    if not isinstance(cells, list):  # versions 1 to 3 kept them in worksheets
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        found = [s.get("cells") for s in sheets if isinstance(s, dict)]
        cells = [c for part in found if isinstance(part, list) for c in part]
    if not any(isinstance(c, dict) for c in cells):
        raise Unreadable(f"the file is not a notebook (it holds no cells): {HOW}")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(cells):,} cells")
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python"}
    metadata = {"kernelspec": kernel | {"name": "python3"}}
    notebook = from_dict(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": []}
    )
    cells = [c for c in cells if isinstance(c, dict)]
    album = Album()
    notebook.cells = [_cell(c, album) for c in cells]
    for place, cell in enumerate(notebook.cells, start=1):
        size = len(cell.source)
        if size > MAX_SOURCE:
            cell.source = f"# Left out by the grader: {size:,} characters."
            notes.append(f"cell {place} has {size:,} characters, and was left out")
    size = sum(len(cell.source) for cell in notebook.cells)
    if size > MAX_SOURCES:
        raise Unreadable(f"its cells have {size:,} characters")
    if outputs:
        kept = shown(_saved(c.get("outputs")) for c in cells)
        for cell, some in zip(notebook.cells, kept, strict=True):
            if cell.cell_type == "code":
                cell.outputs = from_dict(some)
    if album.refused:
        notes.append(f"pictures in text cells that are not shown: {album.refused}")
    notebook.metadata["byhand"] = {"read": notes}
    return notebook


def remarks(notebook: NotebookNode) -> list[str]:
    """What was odd about the file of a notebook that has been read."""
    return list(notebook.metadata.get("byhand", {}).get("read", ()))


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


def joined(value: object) -> str:
    """A text as notebooks keep it: whole, as lines, or as lines without their ends."""
    found = value if isinstance(value, list) else [value]
    parts = [part for part in found if isinstance(part, str)]
    # nbformat 2, and tools that write such lists by themselves
    bare = len(parts) > 1 and not any(part.endswith("\n") for part in parts[:-1])
    whole = ("\n" if bare else "").join(parts)
    return whole.encode("utf-8", "replace").decode()  # no lone surrogates


def _saved(outputs: object) -> list[dict[str, Any]]:
    """The outputs that were saved with a cell, as a room would send them."""
    found: list[dict[str, Any]] = []
    saved = outputs if isinstance(outputs, list) else []
    for output in (o for o in saved if isinstance(o, dict)):
        data = output.get("data")
        if not isinstance(data, dict) and isinstance(output.get("png"), str | list):
            data = {"image/png": output["png"]}  # before version 4
        if isinstance(data, dict):
            found.append({"data": {k: joined(v) for k, v in data.items()}})
        elif output.get("output_type") in ("error", "pyerr"):
            words = f"{joined(output.get('ename'))}: {joined(output.get('evalue'))}\n"
            found.append({"stream": "stderr", "text": words})
        else:
            words = joined(output.get("text"))
            name = output.get("name", output.get("stream", "stdout"))
            found.append({"stream": name, "text": words})
    return found


def _cell(cell: dict[str, Any], album: Album) -> NotebookNode:
    """A clean cell with the source, the id and the nbgrader entry of a submitted one.

    A text cell keeps its pictures, made small; those within its text as attachments.
    """
    source = joined(cell.get("source", cell.get("input", "")))
    code = cell.get("cell_type") == "code"
    level = cell.get("level")
    if cell.get("cell_type") == "heading" and isinstance(level, int):  # version 3
        source = f"{'#' * min(max(level, 1), 6)} {source}"
    kept: dict[str, dict[str, str]] = {}
    if not code:
        kept = album.attachments(cell.get("attachments"))
        source = album.taken_out(source, kept)
    new = new_cell(code, source)
    if kept:
        new["attachments"] = from_dict(kept)
    metadata = cell.get("metadata")
    entry = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(entry, dict) and isinstance(entry.get("grade_id"), str):
        new.metadata["nbgrader"] = {"grade_id": entry["grade_id"]}
    own = cell.get("id")
    new.id = own if isinstance(own, str) and re.fullmatch(r"[\w-]{1,64}", own) else ""
    return new


def new_cell(code: bool, source: str) -> NotebookNode:
    """A cell; nbformat's own functions check each, which takes a millisecond."""
    cell = NotebookNode(id="", metadata=NotebookNode(), source=source)
    if code:
        cell |= {"cell_type": "code", "outputs": [], "execution_count": None}
    else:
        cell["cell_type"] = "markdown"
    return cell
