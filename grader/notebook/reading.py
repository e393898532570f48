"""Read a submission's file: any version, encoding mark or fault that there may be."""

import json
import re
from typing import Any

from nbformat import NotebookNode, from_dict

from grader.errors import Unreadable
from grader.notebook.outputs import shown
from grader.notebook.sheet import Cell

MAX_CELLS = 2_000
MAX_SOURCE = 500_000  # characters of one cell
MAX_SOURCES = 2_000_000  # of all


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
        for cell, some in zip(notebook.cells, kept, strict=True):
            if cell.cell_type == "code":
                cell.outputs = from_dict(some)
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


def _saved(outputs: object) -> list[dict[str, Any]]:
    """The outputs that were saved with a cell, as a room would send them."""

    def text(value: object) -> str:
        parts = value if isinstance(value, list) else [value]
        whole = "".join(part for part in parts if isinstance(part, str))
        return whole.encode("utf-8", "replace").decode()

    found: list[dict[str, Any]] = []
    saved = outputs if isinstance(outputs, list) else []
    for output in (o for o in saved if isinstance(o, dict)):
        if isinstance(output.get("data"), dict):
            found.append({"data": {k: text(v) for k, v in output["data"].items()}})
        elif output.get("output_type") == "error":
            words = f"{text(output.get('ename'))}: {text(output.get('evalue'))}\n"
            found.append({"stream": "stderr", "text": words})
        else:
            words = text(output.get("text"))
            found.append({"stream": output.get("name"), "text": words})
    return found


def _cell(cell: dict[str, Any]) -> NotebookNode:
    """A clean cell with the source, the id and the nbgrader entry of a submitted one."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = source if isinstance(source, str) else ""
    source = source.encode("utf-8", "replace").decode()  # no lone surrogates
    if len(source) > MAX_SOURCE:
        raise Unreadable(f"one cell has {len(source):,} characters")
    new = new_cell(cell.get("cell_type") == "code", source)
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
