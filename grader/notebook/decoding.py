"""The bytes of a file, as the JSON of a notebook; or what the file is instead, in words.

Whatever a tool, a mail program or a disk has put around a notebook is taken off: byte
order marks, other encodings, compression, what follows the last brace, the wrapper of
Jupyter's contents API.
"""

import json
import re
import zlib
from typing import Any

from grader.errors import Unreadable

MAX_TEXT = 60_000_000  # bytes that a compressed notebook may have
HOW = (
    "hand in the notebook itself, a file that ends in .ipynb (Jupyter: File, Download; "
    "Colab: File, Download, Download .ipynb)"
)
BOM = "\ufeff"


def decode(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """The notebook in a file as a dict with cells or worksheets; what was odd about it.

    Raises:
        Unreadable: there is none; the message says what there is and what to do.
    """
    notes: list[str] = []
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data)
        notes.append("the file was compressed (gzip)")
    if kind := _binary(data):
        raise Unreadable(f"it is {kind}, not a notebook: {HOW}")
    text = _text(data)
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        content, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        if kind := _written(text):
            raise Unreadable(f"it is {kind}, not a notebook: {HOW}") from None
        reason = str(error)[:100]
        raise Unreadable(
            f"the file is not a notebook ({reason}): it may be damaged or cut off. Save it "
            "again, and hand in the new file"
        ) from None
    content = _unwrapped(content)
    if content is None:
        kind = _written(text) or "the file"
        raise Unreadable(f"{kind} is not a notebook (it holds no cells): {HOW}")
    if text[end:].strip(" \t\r\n\0"):
        notes.append("what follows the notebook in the file was left out")
    return content, notes


def _unpacked(data: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        found = reader.decompress(data, MAX_TEXT)
    except zlib.error:
        raise Unreadable(f"it is a damaged gzip archive: {HOW}") from None
    if reader.unconsumed_tail:
        raise Unreadable("the notebook is too large: clear its outputs")
    if not reader.eof:
        raise Unreadable(f"it is a gzip archive that is cut off: {HOW}")
    return found


def _text(data: bytes) -> str:
    """Raises Unreadable: it is no text in any encoding of Unicode."""
    try:
        return data.decode(_encoding(data)).lstrip(BOM).strip(" \t\r\n\0").lstrip(BOM)
    except UnicodeDecodeError:
        raise Unreadable(
            f"the file is not text in UTF-8, or it is damaged: {HOW}"
        ) from None


def _encoding(data: bytes) -> str:
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    # without a mark: JSON begins with two characters of ASCII
    zeros: tuple[bool, ...] = tuple(byte == 0 for byte in data[:4])
    without: dict[tuple[bool, ...], str] = {
        (True, True, True, False): "utf-32-be",
        (False, True, True, True): "utf-32-le",
        (True, False, True, False): "utf-16-be",
        (False, True, False, True): "utf-16-le",
    }
    return without.get(zeros, "utf-8")


def _unwrapped(content: object) -> dict[str, Any] | None:
    """The notebook itself, from what may have been put around it."""
    for _ in range(4):
        if isinstance(content, list) and any(_is_cell(part) for part in content):
            return {"cells": content}
        if not isinstance(content, dict):
            return None
        if isinstance(content.get("cells"), list) or "worksheets" in content:
            return content
        inner = content.get("content", content.get("notebook"))
        if isinstance(inner, str):  # the contents API's `format: text`
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                return None
        content = inner
    return None


def _is_cell(part: object) -> bool:
    return isinstance(part, dict) and "cell_type" in part


def what_it_is(data: bytes) -> str:
    """What a file is that is no notebook, "a PDF" say; "" if that cannot be told."""
    if kind := _binary(data):
        return kind
    try:
        return _written(data[:100_000].decode(_encoding(data), "ignore").lstrip(BOM))
    except UnicodeDecodeError:
        return ""


BINARY = (
    (rb"%PDF-", "a PDF"),
    (rb"PK\x03\x04.{26,60}word/|PK\x03\x04(?s:.{0,4000}?)word/", "a Word file"),
    (rb"PK\x03\x04(?s:.{0,4000}?)(?:ppt|xl)/", "an Office file"),
    (rb"PK(?:\x03\x04|\x05\x06)", "a zip archive"),
    (rb"\xd0\xcf\x11\xe0", "an old Office file (.doc)"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", "a picture"),
    (rb"....ftyp(?:heic|heix|mif1)", "a picture"),
    (rb"Rar!", "a RAR archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (rb"BZh|\xfd7zXZ", "a compressed file"),
    (rb"bplist", "a placeholder of iCloud, whose file was not on that computer"),
    (rb"\x00\x05\x16[\x00\x07]", "a macOS resource file (its name begins with ._)"),
    (rb"SQLite format 3", "a database"),
    (rb"\x80[\x02-\x05]", "a pickle of Python"),
)


def _binary(data: bytes) -> str:
    head = data[:6000]
    for pattern, kind in BINARY:
        if re.match(pattern, head, re.S):
            return kind
    if head.strip(b"\0") == b"" and data:
        return "a file of zeros, as a computer leaves it that went off while saving"
    return ""


WRITTEN = (
    (r"version https://git-lfs", "a pointer of Git LFS, whose file was not uploaded"),
    (r"(?is).{0,300}?<(?:!doctype html|html|head|body)\b", "an HTML page"),
    (r"\[InternetShortcut\]|\[Desktop Entry\]", "a link to a web page"),
    (r"https?://\S+\s*$", "a link to a web page"),
    (
        r"(?s)\s*\{[^{}]{0,2000}\"(?:doc_id|resource_id)\"",
        "a placeholder of Google Drive",
    ),
    (
        r"(?s).{0,200000}?^(?:<{7}|>{7}) ",
        "a file with the marks of a merge conflict (<<<<<<<)",
    ),
    (r"\{\\rtf", "an RTF text"),
    (r"(?i)<\?xml", "an XML file"),
    (r"---\s*\n(?s:.{0,3000}?)\bjupytext\b", "a notebook as text (Jupytext)"),
    (
        r"(?m)(?:.*\n){0,200}?(?:import \w|from [\w.]+ import |def \w+\(|class \w+[:(]"
        r"|print\(|#!.*python|# %%|# In\[)",
        "a Python script",
    ),
)


def _written(text: str) -> str:
    head = text[:200_000]
    for pattern, kind in WRITTEN:
        if re.match(pattern, head, re.M):
            return kind
    if text[:1] not in "{[" and re.search(r"(?m)^(?:#{1,6} |```)", head[:20_000]):
        return "a text in Markdown"
    return ""
