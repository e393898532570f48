"""Rooms and snapshots that say what a test wants them to say, without a sandbox."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from grader.wire import codec
from grader.wire.messages import (
    CROWD,
    DONE,
    HOLD,
    Ended,
    Limits,
    Ran,
    Run,
    Snapshot,
    from_plain,
)

HANG_UP = object()  # in place of a reply: the connection is closed
SILENCE = object()  # there is none


class Served:
    """One end of a connection, and on the other somebody who replies to requests.

    Args:
        reply: what to say to a request of that number: a value to pack, the bytes of a
            message, ``SILENCE`` or ``HANG_UP``; may be asked in vain after it.
    """

    def __init__(self, reply: Callable[[Any, int], Any]):
        self.ours, self.theirs = socket.socketpair()
        self.reply = reply
        self.heard: list[Any] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(codec.WireError, OSError), self.theirs:
            while True:
                request, number = from_plain(codec.receive(self.theirs))
                self.heard.append(request)
                if isinstance(request, Snapshot):
                    _, fds, *_ = socket.recv_fds(self.theirs, 1, 1)
                    self.heard.append(socket.socket(fileno=fds[0]))
                said = self.reply(request, number)
                if said is HANG_UP:
                    return
                if said is not SILENCE:
                    message = said if isinstance(said, bytes) else codec.pack(said)
                    codec.send(self.theirs, message)


class FakeRoom(Served):
    """In place of a `grader.judge.sandbox.RoomProcess`.

    Args:
        says: what to say when a cell of that source is run, as in :class:`Served`
            (None: when a snapshot is made); all other cells run well and show nothing.
        ended: how its keeper says that it has ended.
        crowd: whether its keeper says that other processes run beside a snapshot.
    """

    def __init__(self, says: dict[str | None, Any], ended: Ended, crowd: bool = False):
        self.says, self.ended, self.over, self.crowd = says, ended, False, crowd
        self.asked: list[bytes] = []  # of its keeper
        super().__init__(self._run)

    @property
    def connection(self) -> socket.socket:
        return self.ours

    def _run(self, request: Any, _: int) -> Any:
        well = Ran([], None).to_plain()
        if isinstance(request, Run):
            return self.says.get(request.source, well)
        return self.says.get(None, well) if isinstance(request, Snapshot) else HANG_UP

    @property
    def ran(self) -> list[str]:
        """The sources of the cells that were run here."""
        return [request.source for request in self.heard if isinstance(request, Run)]

    def waited(self) -> float:
        """It had every processor that it wanted."""
        return 0.0

    def keeper(self, request: bytes) -> bytes:
        """What the keeper answers: that it is done, or cannot be."""
        self.asked.append(request)
        return CROWD if self.crowd and request == HOLD else DONE

    def end(self) -> Ended:
        self.over = True
        self.ours.close()
        self.thread.join(10)
        return self.ended


class FakeRooms:
    """In place of `grader.judge.sandbox.Rooms`: one room after another.

    Args:
        rooms: for each that is wanted, what it says and how it ends.
    """

    def __init__(self, *rooms: tuple):
        self.waiting: Iterator = iter(rooms)
        self.given: list[FakeRoom] = []
        self.wanted: list[tuple[Limits, int]] = []

    def room(self, limits: Limits, seed: int, strict: bool = False) -> FakeRoom:
        self.wanted.append((limits, seed))
        self.given.append(FakeRoom(*next(self.waiting)))
        return self.given[-1]


def shows(*texts: str, fault: Any = None) -> dict[str, Any]:
    """What a room says when a cell has printed this."""
    outputs = [{"stream": "stdout", "text": text} for text in texts]
    return Ran(outputs, fault).to_plain()
