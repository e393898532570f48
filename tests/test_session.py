"""A room is held to its time, started again when it ends, and never believed."""

import time

import pytest

from grader.errors import Lost, UsedInCells
from grader.judge import patience
from grader.judge import session as module
from grader.judge.session import MAX_NOTES, MAX_RESTARTS, Session, seed_of
from grader.notebook.sheet import Sheet
from grader.wire import codec
from grader.wire.messages import (
    CLEAR,
    GO,
    HOLD,
    End,
    Ended,
    Fault,
    Limits,
    Ran,
    Run,
    Snapshot,
)
from tests.support.rooms import HANG_UP, SILENCE, FakeRooms, shows

FINE = ({}, Ended())
PLACE = "The notebook's process ended here: "


def sheet(**limits) -> Sheet:
    return Sheet("hw", (), limits=Limits(**limits))


def ends(source: str, ended: Ended | None = None) -> tuple:
    """A room that ends when this cell is run."""
    return {source: HANG_UP}, ended or Ended(exit=3)


def test_what_a_cell_shows_and_raises():
    fault = Fault("ValueError", "no", ("cell 1, line 2: f()",))
    rooms = FakeRooms(({"x = 1": shows("one", fault=fault)}, Ended(cpu=1.5)))
    with Session(sheet(cell=7), "ada", rooms) as session:
        outputs, found = session.run("cell 1", "x = 1", state=4)
        assert outputs == [{"output_type": "stream", "name": "stdout", "text": "one"}]
        assert found == fault
        session.run("cell 2", "%time x = 1")
        session.run("cell 3", "print(1)")
    (room,) = rooms.given
    assert room.heard == [
        Run("cell 1", "x = 1", 7, state=4, defines=True, plain=True),
        Run("cell 2", "%time x = 1", 7, defines=False, plain=False),
        Run("cell 3", "print(1)", 7, defines=False, plain=True),
        End(),
    ]
    assert rooms.wanted == [(Limits(cell=7), seed_of("hw/ada"))]
    assert room.over and session.room_seconds == 1.5 and session.notes == []


def test_a_submission_without_code_needs_no_room():
    rooms = FakeRooms()
    with Session(sheet(), "ada", rooms) as session:
        pass
    assert not rooms.given and session.room_seconds == 0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (5, "it gave a malformed answer"),
        ([{"outputs": []}], "it gave a malformed answer"),
        (b"\xff" * 100, "a message that is too large"),
        (codec.HEAD.pack(1, 0) + b"{", "a malformed message (JSONDecodeError)"),
    ],
    ids=["number", "list", "noise", "half a tree"],
)
def test_malformed_answers(said, words):
    rooms = FakeRooms(({"a": said}, Ended("let go", -9)), FINE)
    with Session(sheet(), "ada", rooms) as session:
        assert session.run("cell 1", "a") == ([], Fault("", f"{PLACE}{words}."))
        assert session.notes == [f"cell 1: {PLACE}{words}."]
        assert session.run("cell 2", "b") == ([], None)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(exit=3), "exit code 3"),
        (Ended(exit=0), "exit code 0"),
        (Ended(exit=-11), "signal 11"),
        (Ended("let go", exit=1), "exit code 1"),  # it was ending by itself
        (Ended("let go", exit=-9), "the other side has ended"),
        (Ended("memory", exit=-9), "more than 4,000 MB of memory were used"),
        (Ended("time", exit=-9), "more than 300 s were used in all"),
    ],
    ids=repr,
)
def test_why_a_room_has_ended(ended, words):
    rooms = FakeRooms(ends("a", ended))
    with Session(sheet(memory=4000), "ada", rooms) as session:
        assert session.run("cell 1", "a") == ([], Fault("", f"{PLACE}{words}."))


def test_a_cell_that_cannot_be_stopped(monkeypatch):
    monkeypatch.setattr(patience, "GRACE", 0.3)
    rooms = FakeRooms(({"a": SILENCE}, Ended("let go", -9)))
    with Session(sheet(cell=0.2), "ada", rooms) as session:
        start = time.monotonic()
        _, fault = session.run("cell 1", "a")
        assert 0.5 <= time.monotonic() - start < 5
        assert session.timed_out
    assert fault.words == f"{PLACE}it took more than 0.2 s and could not be stopped."


def test_the_time_for_the_whole():
    rooms = FakeRooms(({"a": SILENCE}, Ended("let go", -9)))
    with Session(sheet(total=0.2), "ada", rooms) as session:
        _, fault = session.run("cell 1", "a")
        assert fault.words == f"{PLACE}the whole took too long."
        assert session.timed_out
        over = "The 0.2 s for the whole notebook were over before this."
        assert session.run("cell 2", "b") == ([], Fault("", over))
        with pytest.raises(Lost, match="were over before this"):
            session.snapshot()
    assert len(rooms.given) == 1


def test_after_a_restart_the_cells_run_again():
    rooms = FakeRooms(({"b": shows("b"), "c": HANG_UP}, Ended(exit=1, cpu=2)), FINE)
    with Session(sheet(), "ada", rooms) as session:
        for label, source in [("cell 1", "a"), ("cell 2", "b"), ("cell 3", "c")]:
            session.run(label, source)
        assert session.run("cell 4", "d") == ([], None)
        assert session.notes == [f"cell 3: {PLACE}exit code 1."]
    first, second = rooms.given
    assert first.over and first.ran == ["a", "b", "c"]
    assert second.ran == ["a", "b", "d"]
    assert session.room_seconds == 2


def test_a_cell_that_ends_the_next_room_too_is_left_out():
    rooms = FakeRooms(ends("c"), ends("b", Ended(exit=-9)), FINE)
    with Session(sheet(), "ada", rooms) as session:
        for label, source in [("cell 1", "a"), ("cell 2", "b"), ("cell 3", "c")]:
            session.run(label, source)
        assert session.run("cell 4", "d") == ([], None)
        assert session.notes == [
            f"cell 3: {PLACE}exit code 3.",
            f"cell 2, when it was run again: {PLACE}signal 9.",
        ]
    assert [room.ran for room in rooms.given] == [
        ["a", "b", "c"],
        ["a", "b"],
        ["a", "d"],
    ]


def test_one_that_ends_again_and_again_is_given_up():
    rooms = FakeRooms(*[ends("a")] * (1 + MAX_RESTARTS))
    with Session(sheet(), "ada", rooms) as session:
        for _ in range(1 + MAX_RESTARTS):
            assert session.run("cell 1", "a")[1].words == f"{PLACE}exit code 3."
        often = "This was not run: the notebook's process ended too often."
        for _ in range(2 * MAX_NOTES):
            assert session.run("cell 2", "b") == ([], Fault("", often))
        assert len(session.notes) == MAX_NOTES
    assert len(rooms.given) == 1 + MAX_RESTARTS


def test_all_cells_share_one_bound_of_outputs(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 400)
    rooms = FakeRooms(({"a": shows("x" * 100)}, Ended()))
    with Session(sheet(), "ada", rooms) as session:
        assert [len(session.run("cell", "a")[0]) for _ in range(4)] == [1, 1, 0, 0]


def test_snapshots_one_after_another():
    """While one serves, all else of the room is held; then it goes on."""
    rooms = FakeRooms(FINE)
    with Session(sheet(cell=3), "ada", rooms) as session:
        session.run("cell 1", "a")
        first = session.snapshot()
        (room,) = rooms.given
        assert room.asked == [CLEAR, HOLD]
        second = session.snapshot()
        assert first.connection.fileno() == -1  # which ends the first
        assert room.asked == [CLEAR, HOLD, GO, CLEAR, HOLD]
        assert (second.seconds, second.deadline) == (3, session.deadline)
        request, line = room.heard[-2:]
        assert request == Snapshot(3)
        second.connection.sendall(b"x")
        assert line.recv(1) == b"x"
        line.close()
        session.run("cell 2", "b")
        assert second.connection.fileno() == -1 and room.asked[5:] == [GO]
        third = session.snapshot()
    assert third.connection.fileno() == -1


@pytest.mark.parametrize("strict", [True, False])
def test_cells_that_use_what_tests_forbid(strict):
    """They need a room that is not strict, and there it does not matter."""
    used = Ran([], None, used=True).to_plain()
    rooms = FakeRooms(({"a": used}, Ended()), ({None: used}, Ended()))
    for asks in (lambda s: s.run("cell 1", "a"), lambda s: s.snapshot()):
        with Session(sheet(), "ada", rooms, strict) as session:
            if strict:
                with pytest.raises(UsedInCells):
                    asks(session)
            else:
                asks(session)
    assert all(room.over for room in rooms.given)


def test_no_snapshot_beside_other_processes():
    rooms = FakeRooms(({}, Ended("let go", -9), True), FINE)
    with Session(sheet(), "ada", rooms) as session:
        session.run("cell 1", "a")
        with pytest.raises(
            Lost, match="it kept other processes running while tests ran"
        ):
            session.snapshot()
        assert session.snapshot().broken == ""
    assert rooms.given[0].over


def test_what_took_too_long_is_noted():
    fault = Fault("TimeoutError", "it took more than 30 s, and was stopped")
    rooms = FakeRooms(({"a": shows(fault=fault)}, Ended()))
    with Session(sheet(), "ada", rooms) as session:
        session.run("cell 1", "b")
        assert not session.timed_out
        session.run("cell 2", "a")
        assert session.timed_out


def test_a_snapshot_that_does_not_come(monkeypatch):
    def no_answer(*_):
        raise TimeoutError

    rooms = FakeRooms(FINE)
    with Session(sheet(cell=0.2), "ada", rooms) as session:
        session.run("cell 1", "a")
        monkeypatch.setattr(module, "wait", no_answer)
        with pytest.raises(Lost, match=r"more than 0\.2 s and could not be stopped"):
            session.snapshot()
        assert session.timed_out


def test_no_snapshot_of_a_room_that_has_ended():
    rooms = FakeRooms(ends("a"), FINE)
    with Session(sheet(), "ada", rooms) as session:
        session.run("cell 1", "b")
        rooms.given[0].theirs.close()
        rooms.given[0].ours.close()
        with pytest.raises(Lost, match="exit code 3"):
            session.snapshot()
        assert session.snapshot().broken == ""
    assert rooms.given[1].ran == ["b"]


def test_seeds():
    assert seed_of("hw/ada") == seed_of("hw/ada") != seed_of("hw/bob")
    assert 0 <= seed_of("") < 2**32
