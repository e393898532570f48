"""What a page may show of a cell's outputs: text and PNG pictures, bounded."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

SHOWN = 60  # outputs of one cell
MAX_CHARACTERS = 30_000_000  # of all outputs, pictures included


def shown(cells: Iterable[object]) -> Iterator[list[dict[str, Any]]]:
    """For each cell, what is kept of its outputs; all together are bounded."""
    left = MAX_CHARACTERS
    for outputs in cells:
        found, left = bounded(outputs, left)
        yield found


def bounded(outputs: object, left: int) -> tuple[list[dict[str, Any]], int]:
    """What is kept of a cell's outputs if so many characters are left, and what is then."""
    said = outputs[:SHOWN] if type(outputs) is list else []
    found = []
    for output in filter(None, map(_output, said)):
        left -= len(json.dumps(output))
        if left > 0:
            found.append(output)
    return found, left


def _output(shown: object) -> dict[str, Any] | None:
    """A room's output as a notebook holds it, if it is one."""
    if type(shown) is not dict:
        return None
    stream, text = shown.get("stream"), shown.get("text")
    if type(stream) is str and stream in ("stdout", "stderr") and type(text) is str:
        return {"output_type": "stream", "name": stream, "text": text[:30_000]}
    data = shown.get("data")
    if type(data) is not dict:
        return None
    kept: dict[str, str] = {}
    if type(data.get("text/plain")) is str:
        kept["text/plain"] = data["text/plain"][:30_000]
    if _is_png(data.get("image/png")):
        kept["image/png"] = data["image/png"]
    if not kept:
        return None
    return {"output_type": "display_data", "data": kept, "metadata": {}}


def _is_png(text: object) -> bool:
    if type(text) is not str or len(text) > 3_000_000:
        return False
    try:
        picture = base64.b64decode(text.replace("\n", ""), validate=True)
    except ValueError:
        return False
    return picture.startswith(b"\x89PNG")
