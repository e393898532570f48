"""What a page may show of a cell's outputs: text and PNG pictures, bounded."""

import base64
import json
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_output

MAX_OUTPUTS = 60  # of one cell
MAX_SHOWN = 30_000_000  # characters of all outputs, pictures included


def shown(cells: Iterable) -> Iterator[list[NotebookNode]]:
    """For each cell, what is kept of its outputs; all together are bounded."""
    left = MAX_SHOWN
    for outputs in cells:
        found, left = keep(outputs, left)
        yield found


def keep(outputs, left: int) -> tuple[list[NotebookNode], int]:
    """What is kept of a cell's outputs if so many characters are left, and what is then."""
    outputs = outputs[:MAX_OUTPUTS] if type(outputs) is list else []
    found = []
    for output in filter(None, map(_output, outputs)):
        left -= len(json.dumps(output))
        if left > 0:
            found.append(output)
    return found, left


def _output(shown) -> NotebookNode | None:
    """A room's output as a notebook's, if it is one."""
    if type(shown) is not dict:
        return None
    stream, text = shown.get("stream"), shown.get("text")
    if type(stream) is str and stream in ("stdout", "stderr") and type(text) is str:
        return new_output("stream", name=stream, text=text[:30_000])
    data = shown.get("data")
    if type(data) is not dict:
        return None
    kept = {}
    if type(data.get("text/plain")) is str:
        kept["text/plain"] = data["text/plain"][:30_000]
    if _is_png(data.get("image/png")):
        kept["image/png"] = data["image/png"]
    return new_output("display_data", data=kept) if kept else None


def _is_png(text) -> bool:
    if type(text) is not str or len(text) > 3_000_000:
        return False
    try:
        picture = base64.b64decode(text.replace("\n", ""), validate=True)
    except ValueError:
        return False
    return picture.startswith(b"\x89PNG")
