"""Of what a cell shows, a page keeps text and pictures of known shapes, and no more."""

import base64
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.notebook.outputs import MAX_CHARACTERS, SHOWN, bounded, shown

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n picture").decode()


def stream(text, name="stdout"):
    return {"stream": name, "text": text}


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        (stream("x"), {"output_type": "stream", "name": "stdout", "text": "x"}),
        (stream("x", "stderr"), {"output_type": "stream", "name": "stderr", "text": "x"}),
        (
            {"shown": "display_data", "data": {"text/plain": "1", "text/html": "<b>"}},
            {"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {}},
        ),
        (
            {"data": {"image/png": PNG}},
            {"output_type": "display_data", "data": {"image/png": PNG}, "metadata": {}},
        ),
    ],
)  # fmt: skip
def test_kept(output, kept):
    assert bounded([output], 1000) == ([kept], 1000 - len(json.dumps(kept)))


@pytest.mark.parametrize(
    "output",
    [
        *(None, 1, "x", [], {}, {"stream": "stdout"}, {"text": "x"}, stream(1)),
        *(stream("x", "../x"), stream("x", ["stdout"]), {"data": "x"}, {"data": {}}),
        *({"data": {"text/html": "<b>"}}, {"data": {"text/plain": 1}}),
        *({"data": {"image/png": text}} for text in ("", "x", "é", 5, PNG[4:])),
        {"data": {"image/svg+xml": "<svg onload=alert(1)>"}},
        {"stream": torch.ones(2), "text": torch.ones(2)},
    ],
    ids=repr,
)
def test_left_out(output):
    assert bounded([output], 1000) == ([], 1000)


@pytest.mark.parametrize(
    "said", [None, {}, "x", torch.ones(2), (stream("x"),)], ids=repr
)
def test_no_list_of_outputs(said):
    assert bounded(said, 7) == ([], 7)


def test_long_outputs_are_cut_and_many_are_few():
    (kept,), _ = bounded([stream("x" * 100_000)], MAX_CHARACTERS)
    assert kept["text"] == "x" * 30_000
    kept, _ = bounded([stream("x")] * 500, MAX_CHARACTERS)
    assert len(kept) == SHOWN
    large = base64.b64encode(b"\x89PNG" + bytes(3_000_000)).decode()
    assert bounded([{"data": {"image/png": large}}], MAX_CHARACTERS)[0] == []


def test_all_cells_share_one_bound(monkeypatch):
    monkeypatch.setattr("grader.notebook.outputs.MAX_CHARACTERS", 400)
    kept = list(shown([[stream("x" * 100)]] * 5))
    assert [len(outputs) for outputs in kept] == [1, 1, 0, 0, 0]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=5,
)  # fmt: skip
TEXT = st.text(max_size=40) | st.text(st.characters(categories=["Cs"]), max_size=3)
PARTS = st.sampled_from(["text/plain", "image/png", "text/html"])
OUTPUT = st.one_of(
    PLAIN,
    st.builds(stream, TEXT | PLAIN, st.sampled_from(["stdout", "stderr", "x"]) | PLAIN),
    st.fixed_dictionaries(
        {
            "data": st.dictionaries(PARTS, TEXT | st.just(PNG) | PLAIN, max_size=3)
            | PLAIN
        }
    ),
)
SHAPES = (
    {"output_type", "name", "text"},
    {"output_type", "data", "metadata"},
)


@given(st.lists(OUTPUT, max_size=8) | PLAIN, st.integers(0, 400))
def test_nothing_but_known_shapes_within_the_bound(said, left):
    kept, after = bounded(said, left)
    assert after <= left
    if kept:
        assert sum(len(json.dumps(output)) for output in kept) < left
    for output in kept:
        assert set(output) in SHAPES
        if output["output_type"] == "stream":
            assert (
                output["name"] in ("stdout", "stderr") and type(output["text"]) is str
            )
        else:
            assert output["output_type"] == "display_data" and output["metadata"] == {}
            assert (
                output["data"].keys() <= {"text/plain", "image/png"} and output["data"]
            )
            assert all(type(part) is str for part in output["data"].values())
