"""A submission's room while it is judged: started, held to its time, started again."""

import contextlib
import hashlib
import socket
import time
from typing import Any

from byhand.cells import only_defines, tree
from grader.errors import Lost, UsedInCells
from grader.judge.patience import GRACE, wait
from grader.judge.proxy import Line
from grader.judge.sandbox import RoomProcess, Rooms
from grader.notebook.outputs import MAX_CHARACTERS, bounded
from grader.notebook.sheet import Sheet
from grader.wire import codec
from grader.wire.messages import (
    CLEAR,
    CROWD,
    GO,
    HOLD,
    End,
    Ended,
    Fault,
    Ran,
    Run,
    Snapshot,
    to_plain,
)

MAX_RESTARTS = 3  # after a cell has ended the student's process
MAX_NOTES = 20


class Session:
    """The room of one submission, started again when a cell has ended it.

    Args:
        sheet, student: what is judged, and whose.
        rooms: where rooms can be had.
        strict: refuse to the student's cells, too, what the tests forbid.
    """

    def __init__(self, sheet: Sheet, student: str, rooms: Rooms, strict: bool = False):
        self.limits, self.rooms, self.strict = sheet.limits, rooms, strict
        self.seed = seed_of(f"{sheet.homework}/{student}")
        self.deadline = time.monotonic() + self.limits.total
        self.timed_out = False  # something took too long
        self.waited = 0.0  # seconds in which the room had no processor
        self.process: RoomProcess | None = None
        self.line: Line | None = None  # to the latest snapshot
        self.held = False  # the room is stopped, as its snapshot serves
        self.done: list[Run] = []  # to be run again after a restart
        self.restarts = 0
        self.notes: list[str] = []
        self.room_seconds = 0.0
        self.left = MAX_CHARACTERS

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._leave()
        self._end()

    def run(
        self, label: str, source: str, state: int | None = None
    ) -> tuple[list[dict[str, Any]], Fault | None]:
        """Run a cell of the student's; its outputs, and its error or None.

        Args:
            state: the number under which the room is to remember which names there were
                before; None: it may forget what it has remembered.

        Raises:
            UsedInCells: the room is strict, and the student's cells need one that is not.
        """
        defines, plain = only_defines(source), tree(source) is not None
        request = Run(label, source, self.limits.cell, state, defines, plain)
        try:
            ran = self._run(request)
            self.done.append(request)
        except Lost as lost:
            self._note(f"{label}: {lost}")
            return [], Fault("", str(lost))
        self.timed_out |= ran.fault is not None and ran.fault.kind == "TimeoutError"
        found, self.left = bounded(ran.outputs, self.left)
        return found, ran.fault

    def seconds_left(self) -> float:
        """Until the whole submission's time is over."""
        return self.deadline - time.monotonic()

    def snapshot(self) -> Line:
        """A line to a new snapshot of the room; the one before, if any, ends.

        Raises:
            Lost: there is no room to be had.
        """
        self._let_go()
        room = self._start()
        room.keeper(CLEAR)
        ours, theirs = socket.socketpair()
        request = Snapshot(self.limits.cell)
        seconds = self.limits.cell
        with theirs:
            try:
                codec.send(room.connection, codec.pack(to_plain(request)))
                socket.send_fds(room.connection, [b"x"], [theirs.fileno()])
                over = wait(room.connection, seconds, self.deadline, room.waited)
                self._check(Ran.from_room(codec.receive(room.connection, over)))
            except UsedInCells:
                ours.close()
                raise
            except TimeoutError:
                ours.close()
                raise self._too_long() from None
            except (codec.WireError, OSError, ValueError) as error:
                ours.close()
                raise self._lost(str(error)) from None
        self.held = True
        if room.keeper(HOLD) == CROWD:
            ours.close()
            raise self._lost("it kept other processes running while tests ran")
        self.line = Line(ours, self.limits.cell, self.deadline, room.waited)
        return self.line

    def _let_go(self) -> None:
        if self.line:
            self.line.connection.close()  # which ends the snapshot
            self.line = None
        if self.held and self.process:
            self.process.keeper(GO)
        self.held = False

    def _run(self, request: Run) -> Ran:
        self._let_go()
        return self._ask(self._start(), request)

    def _ask(self, room: RoomProcess, request: Run) -> Ran:
        connection, seconds = room.connection, request.seconds
        try:
            connection.settimeout(seconds + GRACE)
            codec.send(connection, codec.pack(to_plain(request)))
            over = wait(connection, seconds, self.deadline, room.waited)
            return self._check(Ran.from_room(codec.receive(connection, over)))
        except TimeoutError:
            raise self._too_long() from None
        except (codec.WireError, ValueError) as error:
            raise self._lost(str(error)) from None

    def _check(self, ran: Ran) -> Ran:
        if ran.used and self.strict:
            raise UsedInCells
        return ran

    def _start(self) -> RoomProcess:
        """See that there is a room, in which the cells so far have run."""
        while not self.process:
            if time.monotonic() >= self.deadline:
                self.timed_out = True
                total = f"{self.limits.total:g}"
                raise Lost(
                    f"The {total} s for the whole notebook were over before this."
                )
            if self.restarts > MAX_RESTARTS:
                raise Lost("This was not run: the notebook's process ended too often.")
            self.restarts += 1
            self.process = self.rooms.room(self.limits, self.seed, self.strict)
            for request in self.done:
                try:
                    self._run(request)
                except Lost as lost:  # it has ended this room, too: without it, then
                    self.done.remove(request)
                    self._note(f"{request.label}, when it was run again: {lost}")
                    break
        return self.process

    def _too_long(self) -> Lost:
        self.timed_out = True
        over = time.monotonic() >= self.deadline
        return self._lost("the whole took too long" if over else "time")

    def _lost(self, why: str) -> Lost:
        self.waited += self.process.waited() if self.process else 0.0
        ended = self._end()
        self.timed_out |= ended.why == "time"
        words = {
            "memory": f"more than {self.limits.memory:,} MB of memory were used",
            "time": f"more than {self.limits.total:g} s were used in all",
        }.get(ended.why)
        if not words and why == "time":
            words = f"it took more than {self.limits.cell:g} s and could not be stopped"
        # let go of, but not by then to be killed: it was ending by itself
        by_itself = ended.why == "" or (ended.why == "let go" and ended.exit != -9)
        if not words and by_itself:
            code = ended.exit
            words = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Lost(f"The notebook's process ended here: {words or why}.")

    def _leave(self) -> None:
        """Have the room end by itself, so that the system counts all that it has used."""
        if self.process:
            self._let_go()
            with contextlib.suppress(codec.WireError, OSError):
                codec.send(self.process.connection, codec.pack(to_plain(End())))
                self.process.connection.settimeout(1)
                self.process.connection.recv(1)

    def for_want(self) -> bool:
        """Whether what took too long may have done so for want of a processor."""
        if self.process:
            self.waited += self.process.waited()
        return self.timed_out and self.waited > 0.5 * self.limits.cell

    def _end(self) -> Ended:
        if not self.process:
            return Ended()
        if self.line:
            self.line.connection.close()
            self.line = None
        self.held = False
        ended = self.process.end()
        self.process = None
        self.room_seconds += ended.cpu
        return ended

    def _note(self, words: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(words)


def seed_of(text: str) -> int:
    """A seed for a text, below 2³²."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
