"""What tools and students do to a notebook's file, and the grader puts right.

``MENDED`` is the table: each entry changes the JSON of a notebook of homework 1.
"""

import copy
import json

from tests.support.submissions import RELEASED


def submission() -> dict:
    return json.loads(RELEASED.read_text("utf8"))


def place(content: dict, name: str) -> int:
    return [c.get("id") for c in content["cells"]].index(name)


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
