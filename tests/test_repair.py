"""Whatever tools and students do to a notebook, it is read and put right, or refused."""

import copy
import json

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from grader.errors import Unreadable
from grader.notebook.reading import read
from grader.notebook.repair import repair
from grader.notebook.sheet import Sheet, SheetCell
from tests.support.solutions import ROOT

HW = "hw1_backprop"
SOURCE = nbformat.read(ROOT / "solutions" / HW / f"{HW}.ipynb", 4)
RELEASED = ROOT / "assignments" / HW / f"{HW}.ipynb"


def sheet_of(notebook) -> Sheet:
    """The sheet that the gradebook would give, from the source notebook."""
    released = {c.id: c.source for c in nbformat.read(RELEASED, 4).cells}
    cells = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta:
            kind = "test" if meta["grade"] else "solution"
            kind = "given" if not (meta["grade"] or meta["solution"]) else kind
            if kind == "solution":
                cell.source = released[cell.id]  # without the solution
            cells.append(
                SheetCell(
                    *(meta["grade_id"], kind, cell.cell_type, cell.source),
                    *(compute_checksum(cell), kind != "solution", meta.get("points")),
                )
            )
    return Sheet(HW, tuple(cells))


SHEET = sheet_of(SOURCE)


def submission() -> dict:
    return json.loads(RELEASED.read_text("utf8"))


def place(content: dict, name: str) -> int:
    return [c.get("id") for c in content["cells"]].index(name)


def put_right(content) -> tuple[nbformat.NotebookNode, list[str]]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    notebook = read(data)
    notes = repair(notebook, SHEET)
    nbformat.validate(notebook)
    return notebook, notes


def check_complete(notebook) -> None:
    """Each registered cell is there once, in order, as it must be."""
    found = [c for c in notebook.cells if "nbgrader" in c.metadata]
    assert [c.metadata.nbgrader.grade_id for c in found] == [
        c.name for c in SHEET.cells
    ]
    for cell, registered in zip(found, SHEET.cells, strict=True):
        assert cell.metadata.nbgrader == registered.metadata
        assert cell.cell_type == registered.cell_type
        if registered.locked:
            assert cell.source == registered.source


def change(name, **fields):
    def apply(content):
        content["cells"][place(content, name)] |= fields

    return apply


def metadata(name, **fields):
    def apply(content):
        content["cells"][place(content, name)]["metadata"]["nbgrader"] |= fields

    return apply


def strip_metadata(content):
    for cell in content["cells"]:
        cell["metadata"] = {}


def strip_metadata_and_ids(content):
    for number, cell in enumerate(content["cells"]):
        cell["metadata"] = {"id": f"colab{number}"}
        del cell["id"]


def delete(*names):
    def apply(content):
        content["cells"] = [c for c in content["cells"] if c.get("id") not in names]

    return apply


def delete_all_tests(content):
    content["cells"] = [
        c
        for c in content["cells"]
        if not c["metadata"].get("nbgrader", {}).get("grade")
    ]


def duplicate(name):
    def apply(content):
        at = place(content, name)
        content["cells"].insert(at, copy.deepcopy(content["cells"][at]))

    return apply


def move_to_the_top(name):
    def apply(content):
        content["cells"].insert(0, content["cells"].pop(place(content, name)))

    return apply


def version_3(content):
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    content["worksheets"] = [{"cells": content.pop("cells")}]
    content["nbformat"], content["nbformat_minor"] = 3, 0


def empty_entries(content):
    for cell in content["cells"]:
        cell["metadata"]["nbgrader"] = {}


def odd_cells(content):
    content["cells"][3:3] = [
        *(7, None, {"cell_type": "code"}, {"cell_type": 5, "source": {"a": 1}}),
        {"cell_type": "code", "source": [1, "x = 1\n"], "metadata": [], "id": 9},
        {"cell_type": "raw", "source": "\ud800", "metadata": {"nbgrader": 3}},
    ]


MENDED = {
    "nothing": lambda content: None,
    "points raised": metadata("relu_test", points=1000),
    "points not a number": metadata("relu_test", points="many"),
    "a test made a solution": metadata("relu_test", solution=True, locked=False),
    "a test made ungraded": metadata("relu_test", grade=False),
    "schema of tomorrow": metadata("relu_test", schema_version=99),
    "schema of yesterday": metadata("relu_test", schema_version=1),
    "an unknown test": metadata("relu_test", grade_id="bonus_test"),
    "a name that is no text": metadata("relu_test", grade_id=["relu_test"]),
    "two cells of one name": metadata("relu_test", grade_id="sigmoid_test"),
    "test edited": change("relu_test", source="pass"),
    "setup edited": change("setup", source=["import torch"]),
    "test made text": change("relu_test", cell_type="markdown"),
    "solution made text": change("relu", cell_type="markdown"),
    "solution of no type": change("relu", cell_type=None),
    "metadata lost": strip_metadata,
    "metadata and ids lost": strip_metadata_and_ids,
    "entries empty": empty_entries,
    "test deleted": delete("relu_test"),
    "first cell deleted": delete("setup"),
    "several deleted": delete("relu", "relu_test", "sigmoid", "accuracy_test"),
    "all tests deleted": delete_all_tests,
    "test copied": duplicate("relu_test"),
    "solution copied": duplicate("relu"),
    "test moved up": move_to_the_top("relu_test"),
    "nbformat 3": version_3,
    "cells of no sense": odd_cells,
    "no version": lambda content: content.pop("nbformat"),
    "version 9": lambda content: content.update(nbformat=9),
    "no metadata": lambda content: content.pop("metadata"),
    "foreign kernel": lambda content: content["metadata"].update(
        kernelspec={"name": "julia-1.10", "display_name": "Julia", "language": "julia"}
    ),
}


@pytest.mark.parametrize("fault", MENDED)
def test_mended(fault):
    content = submission()
    MENDED[fault](content)
    notebook, _ = put_right(content)
    check_complete(notebook)
    # what is left of a test's copies would count as the student's own code
    others = [c.source for c in notebook.cells if "nbgrader" not in c.metadata]
    assert not [source for source in others if source.startswith("# Tests of")]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\n\n " + text.encode() + b" \n",
    ],
    ids=["byte order mark", "UTF-16", "Windows' line ends", "white space around"],
)
def test_encodings(encode):
    notebook, notes = put_right(encode(RELEASED.read_text("utf8")))
    check_complete(notebook)
    assert notes == []


def test_the_work_is_kept():
    """The student's code survives lost metadata, copies and a split cell."""
    work = (
        "def relu_forward(x):\n    return 'mine'\n\ndef relu_backward(d, x):\n    pass"
    )
    for fault in (strip_metadata, strip_metadata_and_ids, duplicate("relu")):
        content = submission()
        at = place(content, "relu")
        fault(content)
        content["cells"][at]["source"] = work
        notebook, notes = put_right(content)
        (cell,) = [c for c in notebook.cells if c.id == "relu"]
        assert cell.source == work
        assert any(note.startswith("relu: it ") for note in notes)

    content = submission()
    at = place(content, "relu")
    first, second = work.split("\n\n")
    content["cells"][at]["source"] = first
    content["cells"].insert(at + 1, {"cell_type": "code", "source": second})
    sources = [c.source for c in put_right(content)[0].cells]
    assert sources.index(second) == sources.index(first) + 1


def test_of_two_copies_the_one_with_the_work_counts():
    work = (
        "def relu_forward(x):\n    return 'mine'\n\ndef relu_backward(d, x):\n    pass"
    )
    for at in (0, 1):
        content = submission()
        duplicate("relu")(content)
        content["cells"][place(content, "relu") + at]["source"] = work
        notebook, _ = put_right(content)
        (cell,) = [c for c in notebook.cells if c.id == "relu"]
        assert cell.source == work


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"cells": [', "not a notebook"),
        (b"\x80\x81\x82", "not text in UTF-8"),
        (b"PK\x03\x04 a zip file \xff", "a zip archive, not a notebook"),
        (b"[1, 2]", "holds no cells"),
        (b"null", "holds no cells"),
        (b'{"cells": []}', "holds no cells"),
        (b'{"cells": {"a": 1}}', "holds no cells"),
        (b'{"cells": [1, "two"]}', "holds no cells"),
        (b'{"worksheets": 3}', "holds no cells"),
        (b"[" * 100_000, "not a notebook"),
        (b"9" * 5_000, "not a notebook"),
        (b'{"cells": [' + b"{}," * 5_000 + b"{}]}", "5,001 cells"),
        (b"# my homework\nprint(1)\n", "not a notebook"),
        (b"<html>Please log in</html>", "not a notebook"),
    ],
)
def test_refused(content, words):
    with pytest.raises(Unreadable, match=words):
        read(content)
