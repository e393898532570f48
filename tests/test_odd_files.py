"""Odd and damaged files, folders and names: each is read, or refused in words, by itself.

Every case is harmless. What is read must be the work, whole; what is not must say what
it is, and leave a zero for the right student.
"""

import gzip
import io
import json
import os
import struct
import time
import unicodedata
import zipfile
import zlib

import nbformat
import pytest

from grader.commands import sentence
from grader.course import folder as intake
from grader.course import submission
from grader.course.course import Course
from grader.course.folder import collect
from grader.course.names import student_name, visible
from grader.course.starter import _given
from grader.errors import Refused, Unreadable
from grader.notebook.reading import read, remarks
from tests.support.solutions import ROOT

HW = "hw1_backprop"
NAME = f"{HW}.ipynb"
STARTER = (ROOT / "assignments" / HW / NAME).read_text("utf8")
LINES = "def relu_forward(x):\n    # é, 王\n    return 'mine'"


def worked(line: str = LINES) -> str:
    """The homework with some work in it."""
    content = json.loads(STARTER)
    (cell,) = [c for c in content["cells"] if c.get("id") == "relu"]
    cell["source"] = line
    return json.dumps(content, ensure_ascii=False)


WORK = worked()
OTHER = worked("def relu_forward(x):\n    return 'other'")


def with_cells(change) -> bytes:
    content = json.loads(WORK)
    change(content)
    return json.dumps(content).encode()


def bare_lines(content):
    for cell in content["cells"]:
        cell["source"] = (
            cell["source"].split("\n")
            if isinstance(cell["source"], str)
            else [line.rstrip("\n") for line in cell["source"]]
        )


def version_2(content):
    bare_lines(content)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["outputs"], cell["language"] = [], "python"
    content["worksheets"] = [{"cells": content.pop("cells")}]
    content["nbformat"] = 2


def fat_cell(content):
    content["cells"].append({"cell_type": "code", "id": "fat", "source": "#" * 600_000})


def fat_photo(content):
    data = "data:image/png;base64," + "A" * 700_000
    content["cells"].append(
        {"cell_type": "markdown", "id": "fat", "source": f"![]({data})"}
    )


WRAPPED = json.dumps({"name": NAME, "type": "notebook", "content": json.loads(WORK)})
AS_TEXT = json.dumps({"name": NAME, "type": "file", "format": "text", "content": WORK})

# what is handed in, and a word of what is noted
READ = {
    "as it is": (WORK.encode(), ""),
    "byte order mark": (b"\xef\xbb\xbf" + WORK.encode(), ""),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + WORK.encode(), ""),
    "UTF-16": (WORK.encode("utf-16"), ""),
    "UTF-16 LE without mark": (WORK.encode("utf-16-le"), ""),
    "UTF-16 BE without mark": (WORK.encode("utf-16-be"), ""),
    "UTF-16 BE": (b"\xfe\xff" + WORK.encode("utf-16-be"), ""),
    "UTF-32": (WORK.encode("utf-32"), ""),
    "UTF-32 LE without mark": (WORK.encode("utf-32-le"), ""),
    "UTF-32 BE without mark": (WORK.encode("utf-32-be"), ""),
    "zeros at the end": (WORK.encode() + bytes(500), ""),
    "a brace at the end": (WORK.encode() + b"}\n", "what follows"),
    "an older end": (WORK.encode() + b'"metadata": {}}', "what follows"),
    "twice": (WORK.encode() * 2, "what follows"),
    "white space around": (b"\r\n\n " + WORK.encode() + b"\n\n\n", ""),
    "Windows' line ends": (
        json.dumps(json.loads(WORK), indent=1).replace("\n", "\r\n").encode(),
        "",
    ),
    "gzip": (gzip.compress(WORK.encode()), "gzip"),
    "contents API": (WRAPPED.encode(), ""),
    "contents API, as text": (AS_TEXT.encode(), ""),
    "cells alone": (json.dumps(json.loads(WORK)["cells"]).encode(), ""),
    "lines without ends": (with_cells(bare_lines), ""),
    "nbformat 2": (with_cells(version_2), ""),
    "a cell too long": (with_cells(fat_cell), "left out"),
    "a broken photo": (with_cells(fat_photo), "pictures in text cells"),
}
HOW = "hand in the notebook itself"
DOCX = io.BytesIO()
with zipfile.ZipFile(DOCX, "w") as _archive:
    _archive.writestr("[Content_Types].xml", "<Types/>")
    _archive.writestr("word/document.xml", "<w/>")
REFUSED = {
    "empty": (b"", "is empty"),
    "zeros": (bytes(2_000), "zeros"),
    "white space": (b" \n\n", "is empty"),
    "cut off": (WORK.encode()[:3_000], "cut off"),
    "gzip, cut off": (gzip.compress(WORK.encode())[:-400], "cut off"),
    "gzip, damaged": (b"\x1f\x8b\x08\0" + bytes(range(60)), "damaged gzip"),
    "HTML": (b"<!DOCTYPE html><html><body>Log in</body></html>", "an HTML page"),
    "HTML with a mark": (b"\xef\xbb\xbf\n<html lang='en'>", "an HTML page"),
    "Python": (b"import torch\n\ndef relu(x):\n    return x\n", "a Python script"),
    "Python of VS Code": (b"# %%\nx = 1\n", "a Python script"),
    "Python with a comment": (b'"""Homework"""\nx = 1\nprint(x)\n', "a Python script"),
    "Jupytext": (b"---\njupyter:\n  jupytext:\n    x: 1\n---\n", "Jupytext"),
    "Markdown": (b"# My homework\n\nAll of it.\n", "a text in Markdown"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
    "Word": (DOCX.getvalue(), "a Word file"),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office file"),
    "RTF": (b"{\\rtf1 hello}", "an RTF text"),
    "zip by that name": (b"PK\x03\x04 nothing", "a zip archive"),
    "RAR": (b"Rar!\x1a\x07\x00", "a RAR archive"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c\0", "a 7-Zip archive"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "JPEG": (b"\xff\xd8\xff\xe0", "a picture"),
    "HEIC": (b"\0\0\0\x18ftypheic", "a picture"),
    "AppleDouble": (b"\x00\x05\x16\x07" + bytes(30), "macOS"),
    "iCloud": (b"bplist00\xd4", "iCloud"),
    "Google Drive": (b'{"": "open", "doc_id": "abc", "email": "a@b"}', "Google Drive"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "conflict": (
        b'{\n "cells": [\n<<<<<<< HEAD\n  {}\n=======\n  {}\n>>>>>>> b\n ]\n}',
        "merge conflict",
    ),
    "shortcut": (b"[InternetShortcut]\r\nURL=https://a.b\r\n", "a link to a web page"),
    "address": (b"https://colab.research.google.com/drive/1\n", "a link to a web page"),
    "JSON of something": (b'{"error": "not found"}', "holds no cells"),
    "null": (b"null", "holds no cells"),
    "latin": (b'{"cells": [{"source": "na\xefve"}]}', "not text in UTF-8"),
    "wrapped nothing": (b'{"type": "notebook", "content": null}', "holds no cells"),
}


@pytest.mark.parametrize("case", READ)
def test_read(case):
    content, noted = READ[case]
    notebook = read(content)
    nbformat.validate(notebook)
    expected = [("".join(c["source"])) for c in json.loads(WORK)["cells"]]
    assert [c.source for c in notebook.cells][: len(expected)] == expected
    assert any(noted in note for note in remarks(notebook) or [""])
    assert noted or not remarks(notebook)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    content, words = REFUSED[case]
    with pytest.raises(Unreadable) as error:
        read(content)
    assert words in str(error.value)
    if case not in ("empty", "white space", "cut off"):
        assert HOW in str(error.value)


# Entries of a folder: what lies there -> for each student, (taken?, a word of what is said)


def archive(members: dict, method=zipfile.ZIP_DEFLATED, date=None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target:
        for name, content in members.items():
            info = zipfile.ZipInfo("x", date or (2026, 1, 2, 3, 4, 6))
            info.filename, info.compress_type = name, method
            target.writestr(info, content)
    return file.getvalue()


def damaged(method) -> bytes:
    """An archive whose data are none of that method."""
    data = bytearray(archive({NAME: WORK}, method))
    start = 30 + len(NAME)
    data[start + 9 : start + 60] = b"\xff" * 51
    return bytes(data)


def bad_name() -> bytes:
    """A name that is flagged as UTF-8, and is not."""
    data = bytearray(archive({"é.ipynb": WORK}))
    return bytes(data).replace("é".encode(), b"\xe9\xe9")


def encrypted() -> bytes:
    data = bytearray(archive({NAME: WORK}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def other_method() -> bytes:
    data = bytearray(archive({NAME: WORK}))
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(mark) + at, 97)
    return bytes(data)


def wrong_sum() -> bytes:
    data = bytearray(archive({NAME: WORK}, zipfile.ZIP_STORED))
    data[60 + len(NAME)] ^= 1
    return bytes(data)


E_APART = unicodedata.normalize("NFD", "Zoé")
FOLDERS = {
    "hidden copies beside it": (
        {
            f"ada/{NAME}": WORK,
            f"ada/.virtual_documents/{NAME}": OTHER,
            f"ada/.ipynb_checkpoints/{HW}-checkpoint.ipynb": OTHER,
            f"ada/.Trash-1000/files/{NAME}": OTHER,
            f"ada/.history/{HW}_2026.ipynb": OTHER,
            f"ada/._{NAME}": b"\0\5\x16\7",
            f"ada/__MACOSX/._{NAME}": b"\0\5\x16\7",
        },
        {"ada": (True, "collected")},
    ),
    "hidden copies alone": (
        {f"ada/.ipynb_checkpoints/{NAME}": WORK},
        {"ada": (False, "no notebook in it")},
    ),
    "left beside submissions": (
        {
            "ada.ipynb": WORK,
            "desktop.ini": b"",
            "Thumbs.db": b"",
            "__MACOSX/x": b"",
            "._ada.ipynb": b"",
            ".Trash-0/x": b"",
            "~$ada.docx": b"",
            "Icon\r": b"",
        },
        {"ada": (True, "collected")},
    ),
    "backslashes": (
        {"ada.zip": archive({f"work\\sub\\{NAME}": WORK, "__MACOSX\\._x.ipynb": "x"})},
        {"ada": (True, "collected")},
    ),
    "zip in a folder": (
        {"ada/hw1.zip": archive({f"deep/{NAME}": WORK})},
        {"ada": (True, "collected")},
    ),
    "capital letters": (
        {f"ada_{HW}.IPYNB": WORK, "bob.ZIP": archive({"HW.IPYNB": WORK})},
        {"ada": (True, ""), "bob": (True, "")},
    ),
    "more endings": (
        {
            f"ada_{NAME}.txt": WORK,
            f"bob_{NAME}.json": WORK,
            f"cy/{NAME}.gz": gzip.compress(WORK.encode()),
        },
        dict.fromkeys(("ada", "bob", "cy"), (True, "")),
    ),
    "the starter beside Copy_of_": (
        {f"ada/{NAME}": STARTER, f"ada/Copy_of_{NAME}": WORK},
        {"ada": (True, "no work in it")},
    ),
    "the starter beside -1": (
        {f"ada/{NAME}": STARTER, f"ada/{HW}-1.ipynb": WORK},
        {"ada": (True, "no work in it")},
    ),
    "the starter beside (1)": (
        {"ada.zip": archive({NAME: STARTER, f"{HW} (1).ipynb": WORK})},
        {"ada": (True, "no work in it")},
    ),
    "the starter as another file": (
        {f"ada_{NAME}": STARTER, f"ada_{HW}-1.ipynb": WORK},
        {"ada": (True, "no work in it")},
    ),
    "the same twice": (
        {f"ada/{NAME}": WORK, f"ada/Copy_of_{NAME}": WORK},
        {"ada": (True, "collected")},
    ),
    "two with work": (
        {f"ada/Copy_of_{NAME}": WORK, f"ada/{HW}-1.ipynb": OTHER},
        {"ada": (False, "several notebooks")},
    ),
    "two with work as files": (
        {f"ada_{NAME}": OTHER, f"ada_{HW}-1.ipynb": WORK},
        {"ada": (False, "handed in several times")},
    ),
    "starters alone": (
        {f"ada/{NAME}": STARTER, f"ada/Copy_of_{NAME}": STARTER},
        {"ada": (True, "collected")},
    ),
    "the right name, and another with work": (
        {f"ada/{NAME}": WORK, f"ada/{HW}_old.ipynb": OTHER},
        {"ada": (True, "was not looked at")},
    ),
    "no notebook but a script": (
        {"ada/hw1.py": b"import torch\n", "ada/notes.txt": b"?"},
        {"ada": (False, "hw1.py (a Python script)")},
    ),
    "no notebook but a PDF": (
        {"ada.zip": archive({"hw1.pdf": b"%PDF-1.4"})},
        {"ada": (False, "hw1.pdf (a PDF)")},
    ),
    "a PDF of the homework": (
        {f"ada_{HW}.pdf": b"%PDF-1.4", "bob.ipynb": WORK},
        {"ada": (False, "it is a PDF"), "bob": (True, "")},
    ),
    "deflate, damaged": (
        {"ada.zip": damaged(zipfile.ZIP_DEFLATED), "bob.ipynb": WORK},
        {"ada": (False, "damaged"), "bob": (True, "")},
    ),
    "LZMA, damaged": (
        {"ada.zip": damaged(zipfile.ZIP_LZMA), "bob.ipynb": WORK},
        {"ada": (False, "damaged"), "bob": (True, "")},
    ),
    "bzip2, damaged": (
        {"ada.zip": damaged(zipfile.ZIP_BZIP2), "bob.ipynb": WORK},
        {"ada": (False, ""), "bob": (True, "")},
    ),
    "a name that is no UTF-8": (
        {"ada.zip": bad_name(), "bob.ipynb": WORK},
        {"ada": (False, "damaged"), "bob": (True, "")},
    ),
    "an archive, cut off": (
        {"ada.zip": archive({NAME: WORK})[:-30], "bob.ipynb": WORK},
        {"ada": (False, "damaged"), "bob": (True, "")},
    ),
    "encrypted": ({"ada.zip": encrypted()}, {"ada": (False, "encrypted")}),
    "an unknown method": (
        {"ada.zip": other_method()},
        {"ada": (False, "cannot be read")},
    ),
    "a wrong sum": ({"ada.zip": wrong_sum()}, {"ada": (False, "damaged")}),
    "damaged, in a folder": (
        {"ada/x.zip": damaged(zipfile.ZIP_LZMA), "bob.ipynb": WORK},
        {"ada": (False, "damaged"), "bob": (True, "")},
    ),
    "an empty archive": ({"ada.zip": archive({})}, {"ada": (False, "no notebook")}),
    "names of the world": (
        {
            "Élodie Dupont.ipynb": WORK,
            "王小明.ipynb": WORK,
            "Sinéad O'Neil.ipynb": WORK,
            f"O’Brien_{NAME}": WORK,
            f"J. R. Ångström/{NAME}": WORK,
            f"{E_APART}.zip": archive({NAME: WORK}),
            "Владимир.ipynb": WORK,
            "नीरज.ipynb": WORK,
        },
        dict.fromkeys(
            (
                *("Élodie Dupont", "王小明", "Sinéad O'Neil", "O’Brien", "Zoé"),
                *("J. R. Ångström", "Владимир", "नीरज"),
            ),
            (True, "collected"),
        ),
    ),
    "one name in two writings": (
        {"Zoé.ipynb": WORK, f"{E_APART}.ipynb": OTHER},
        {"Zoé": (False, "handed in several times")},
    ),
    "names that differ in case": (
        {"Ada.ipynb": WORK, "ada.ipynb": OTHER},
        {"Ada": (False, "one and the same on some computers")},
    ),
}


def put(folder, tree):
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


@pytest.mark.parametrize("case", FOLDERS)
def test_folders(case, course, tmp_path):
    tree, expected = FOLDERS[case]
    put(tmp_path / "in", tree)
    found = collect(course, HW, tmp_path / "in")
    assert {o.student: o.ok for o in found} == {
        s: ok for s, (ok, _) in expected.items()
    }
    for outcome in found:
        ok, words = expected[outcome.student]
        assert words in sentence(outcome)
        place = course.notebook("submitted", outcome.student, HW)
        if ok and case != "starters alone":
            cells = [c.source for c in read(place.read_bytes()).cells]
            assert LINES in cells
        elif not ok:  # a zero that can be seen
            assert words in place.with_name(course.REFUSED).read_text("utf8")
            assert not place.exists()


NAMES = {  # as it stands there -> as it is kept, or None
    "ada": "ada",
    "Élodie": "Élodie",
    E_APART: "Zoé",
    "王小明": "王小明",
    "O'Neil": "O'Neil",
    "Anna Maria": "Anna Maria",
    " Ada ": "Ada",
    "José Jr.": "José Jr.",
    "ada+hw1": None,
    "-rf": None,
    ".ada": None,
    "..": None,
    "a..b": None,
    "a/b": None,
    "a\\b": None,
    "a\0b": None,
    "=1+1": None,
    "@ada": None,
    "\tada": "ada",
    "\u202eada": None,
    "ada\u202e": None,
    "ada\x1b[31m": None,
    "ada\nbob": None,
    "ad\u200ba": None,
    "\udce9da": None,
    "NUL": None,
    "com1.x": None,
    "a" * 128: "a" * 128,
    "a" * 129: None,
    "王" * 67: None,
    "": None,
    "´": None,
}


@pytest.mark.parametrize("raw", NAMES, ids=ascii)
def test_names(raw):
    if NAMES[raw] is None:
        with pytest.raises(Refused, match="no student's name"):
            student_name(raw)
    else:
        assert student_name(raw) == NAMES[raw]


def test_nothing_raw_reaches_the_screen():
    text = visible("a\x1b[2J\u202e\udce9\nb — 王 é")
    assert text == "a\\x1b[2J\\u202e\\udce9\\nb — 王 é"


def test_a_name_like_one_that_is_there(course, tmp_path):
    put(tmp_path / "one", {"Ada.ipynb": WORK})
    put(tmp_path / "two", {"ada.ipynb": OTHER})
    collect(course, HW, tmp_path / "one")
    (found,) = collect(course, HW, tmp_path / "two")
    assert found.ok and "Ada is in the course, too" in sentence(found)
    assert course.students(HW) == ["Ada", "ada"]


def test_whatever_reading_raises(course, tmp_path, monkeypatch):
    """Errors that no library is known to raise, too; but not that there is no memory."""
    put(tmp_path / "in", {"ada.zip": archive({NAME: WORK}), "bob.ipynb": WORK})

    def failing(error):
        def fail(*_):
            raise error

        monkeypatch.setattr(intake, "read_archive", fail)
        return collect(course, HW, tmp_path / "in")

    for error in (ZeroDivisionError("odd"), struct.error("odd"), zlib.error("odd")):
        found = {o.student: sentence(o) for o in failing(error)}
        assert "odd" in found["ada"] and "NOT COLLECTED" in found["ada"]
        assert "NOT" not in found["bob"]
    with pytest.raises(MemoryError):
        failing(MemoryError())


def test_an_archive_that_is_too_large(course, tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "MAX_ARCHIVE", 1_000)
    put(tmp_path / "in", {"ada.zip": archive({NAME: WORK}, zipfile.ZIP_STORED)})
    (found,) = collect(course, HW, tmp_path / "in")
    assert "hand in the notebook alone" in sentence(found)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ((2026, 3, 1, 9, 0, 0), "collected"),
        ((2026, 3, 1, 22, 0, 0), "collected"),  # east of Greenwich, by its own clock
        ((2026, 3, 4, 9, 0, 0), "is later than the archive's"),
        ((2024, 3, 1, 9, 0, 0), "it was written on 2024-03-01"),
        ((1980, 1, 1, 0, 0, 0), "collected"),  # it does not know
    ],
)
def test_the_time_is_the_archives_own(course, tmp_path, inside, words):
    put(tmp_path / "in", {"ada.zip": archive({NAME: WORK}, date=inside)})
    at = 1772355600  # 2026-03-01 09:00 UTC
    os.utime(tmp_path / "in" / "ada.zip", (at, at))
    (found,) = collect(course, HW, tmp_path / "in")
    assert words in sentence(found)
    assert f"{course.submitted('ada', HW)[0]}" == "2026-03-01 09:00:00"


def test_a_time_that_cannot_be(monkeypatch):
    now = time.time()
    for seconds in (-1e18, 1e18, -5.0, now + 1e6):
        assert abs(submission.moment(seconds).timestamp() - now) < 60
    assert submission.moment(1772355600).timestamp() == 1772355600


def test_without_a_released_version(monkeypatch):
    """The source serves as well, cleared as nbgrader clears it."""
    import grader.course.starter as starter

    both = _given(ROOT, HW)
    content = json.loads((ROOT / "solutions" / HW / NAME).read_text("utf8"))
    cleared = {
        " ".join(
            starter._cleared(
                starter.joined(c["source"]), c["cell_type"] == "code"
            ).split()
        )
        for c in content["cells"]
    }
    released = {
        " ".join(starter.joined(c["source"]).split())
        for c in json.loads(STARTER)["cells"]
    }
    assert released <= cleared <= both


def test_there_are_enough():
    assert len(READ) + len(REFUSED) + len(FOLDERS) + len(NAMES) >= 80
    assert len(READ) + len(REFUSED) + len(FOLDERS) >= 80
