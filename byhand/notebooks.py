"""Keep notebooks clean: ``python -m byhand.notebooks clean|check|show FILE…``.

Clean means: no outputs, no execution counts, a stable id for every cell, and only
the metadata that a reader's program needs.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat

KERNELSPEC = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
NOTEBOOK_METADATA = {"byhand"}  # a homework's rules (`grader.sheet`)
CELL_METADATA = {"tags", "mystnb", "nbgrader", "jupyter", "deletable", "editable"}


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Strip outputs, counts and stray metadata in place; ids are kept.

    A cell without an id gets one from its place (``cell-12``); an id that another cell
    has already gets an x at its end.

    Args:
        notebook: one of format 4, of any minor version; becomes 4.5.

    Returns:
        The same notebook.
    """
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    kept = {k: v for k, v in notebook.metadata.items() if k in NOTEBOOK_METADATA}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}} | kept
    )
    seen: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k in CELL_METADATA and v != {}}
        )
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", cell.get("id") or f"cell-{place}")[:60]
        while name in seen:
            name += "x"
        cell.id = name
        seen.add(name)
    return notebook


def text(notebook: nbformat.NotebookNode) -> str:
    """The notebook as it lies on disk when it is clean."""
    return nbformat.writes(notebook, version=4) + "\n"


def show(notebook: nbformat.NotebookNode) -> str:
    """The notebook as plain text, for differences: rules, then cell after cell."""
    rules = sorted(NOTEBOOK_METADATA & set(notebook.metadata))
    parts = [f"{key}: {notebook.metadata[key]}" for key in rules]
    for cell in notebook.cells:
        extra = {
            k: cell.metadata[k] for k in sorted(CELL_METADATA) if k in cell.metadata
        }
        said = " ".join(f"{key}={json.dumps(extra[key])}" for key in extra)
        parts.append(f"# %% [{cell.cell_type}] {cell.get('id', '')} {said}".rstrip())
        parts.append(f"{cell.source}\n")
    return "\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Clean notebooks, say which are not clean (exit status 1), or show them as text.

    Args:
        argv: ``clean``, ``check`` or ``show``, and files; default: the command line.

    Raises:
        OSError, nbformat.reader.NotJSONError: a file cannot be read as a notebook.
    """
    parser = argparse.ArgumentParser(
        prog="python -m byhand.notebooks", description=__doc__
    )
    parser.add_argument("action", choices=["clean", "check", "show"])
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args(argv)
    dirty = []
    for path in options.files:
        before = path.read_text("utf8")
        if options.action == "show":
            print(show(nbformat.reads(before, as_version=4)))
            continue
        after = text(clean(nbformat.reads(before, as_version=4)))
        if before == after:
            continue
        dirty.append(path)
        if options.action == "clean":
            path.write_text(after, "utf8")
    if options.action == "check" and dirty:
        names = " ".join(map(str, dirty))
        print(f"Not clean: {names}\nRun: python -m byhand.notebooks clean {names}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
