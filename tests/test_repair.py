"""Whatever tools and students do to a notebook, it is read and put right, or refused."""

import contextlib
import copy
import json

import nbformat
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grader.errors import Unreadable
from grader.notebook.reading import read
from grader.notebook.repair import repair
from tests.support.damage import (
    MENDED,
    duplicate,
    place,
    strip_metadata,
    strip_metadata_and_ids,
    submission,
)
from tests.support.sheets import sheet_of
from tests.support.submissions import HW, RELEASED

SHEET = sheet_of(HW)


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


@pytest.mark.parametrize("fault", MENDED)
def test_mended(fault):
    content = submission()
    MENDED[fault](content)
    notebook, _ = put_right(content)
    check_complete(notebook)
    # what is left of a test's copies would count as the student's own code
    others = [c.source for c in notebook.cells if "nbgrader" not in c.metadata]
    assert not [source for source in others if source.startswith("# Tests of")]


def shuffled(content, numbers):
    """Cells of the notebook, copied, left out and in another order."""
    cells = content["cells"]
    content["cells"] = [copy.deepcopy(cells[n % len(cells)]) for n in numbers]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(MENDED)), max_size=4),
    st.lists(st.integers(0, 99), min_size=1, max_size=40) | st.none(),
)
def test_what_has_been_put_right_stays_as_it_is(faults, numbers):
    content = submission()
    for fault in faults:
        with contextlib.suppress(  # exclude each other
            ValueError, KeyError, AttributeError, TypeError
        ):
            MENDED[fault](content)
    if numbers and "cells" in content:
        shuffled(content, numbers)
        # one that holds nothing but nonsense is no notebook, and refused
        assume(any(isinstance(cell, dict) for cell in content["cells"]))
    notebook = read(json.dumps(content).encode())
    repair(notebook, SHEET)
    names = [c.metadata.nbgrader.grade_id for c in notebook.cells if c.metadata]
    assert sorted(names) == sorted(cell.name for cell in SHEET.cells)
    before = copy.deepcopy(notebook)
    assert repair(notebook, SHEET) == []
    assert notebook == before


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
