"""A submission's room while it is judged: started, held to its time, started again."""

import contextlib
import hashlib
import socket
import time

from grader import wire
from grader.cells import only_defines, tree
from grader.outputs import MAX_SHOWN, keep
from grader.proxy import Line
from grader.sandbox import Rooms
from grader.sheet import Sheet

MAX_RESTARTS = 3  # after a cell has ended the student's process
MAX_NOTES = 20


class Lost(Exception):
    """There is no room any more; the message says why."""

    @property
    def error(self) -> dict:
        return {"type": "", "words": str(self), "lines": []}


class Session:
    """The room of one submission, started again when a cell has ended it.

    Args:
        sheet, student: what is judged, and whose.
        rooms: where rooms can be had.
    """

    def __init__(self, sheet: Sheet, student: str, rooms: Rooms):
        self.limits, self.rooms = sheet.limits, rooms
        self.seed = number(f"{sheet.homework}/{student}")
        self.deadline = time.monotonic() + self.limits.total
        self.process = None
        self.line: Line | None = None  # to the latest snapshot
        self.done: list[dict] = []  # requests to make again after a restart
        self.restarts = 0
        self.notes: list[str] = []
        self.room_seconds = 0.0
        self.left = MAX_SHOWN

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._leave()
        self._end()

    def run(self, label: str, source: str, state: int | None = None):
        """Run a cell of the student's; its outputs, and its error or None.

        Args:
            state: the number under which the room is to remember which names there were
                before; None: it may forget what it has remembered.
        """
        request = {"do": "run", "label": label, "source": source, "state": state}
        request |= {"defines": only_defines(source), "plain": tree(source) is not None}
        request |= {"seconds": self.limits.cell}
        try:
            answer = self._run(request)
            self.done.append(request)
        except Lost as lost:
            self._note(f"{label}: {lost}")
            return [], lost.error
        found, self.left = keep(answer.get("outputs"), self.left)
        error = answer.get("error")
        return found, error if type(error) is dict else None

    def snapshot(self) -> Line:
        """A line to a new snapshot of the room; the one before, if any, ends.

        Raises:
            Lost: there is no room to be had.
        """
        self._let_go()
        self._start()
        ours, theirs = socket.socketpair()
        request = {"do": "snapshot", "seconds": self.limits.cell}
        with theirs:
            try:
                wire.send(self.process.connection, wire.pack(request))
                socket.send_fds(self.process.connection, [b"x"], [theirs.fileno()])
            except (wire.WireError, OSError) as error:
                ours.close()
                raise self._lost(str(error)) from None
        self.line = Line(ours, self.limits.cell, self.deadline)
        return self.line

    def _let_go(self) -> None:
        if self.line:
            self.line.connection.close()  # which ends the snapshot
            self.line = None

    def _run(self, request: dict) -> dict:
        self._start()
        return self._ask(request, request["seconds"] + 5)

    def _ask(self, request: dict, seconds: float) -> dict:
        deadline = min(time.monotonic() + seconds, self.deadline)
        try:
            self.process.connection.settimeout(seconds)
            wire.send(self.process.connection, wire.pack(request))
            answer = wire.receive(self.process.connection, deadline)
        except TimeoutError:
            over = time.monotonic() >= self.deadline
            raise self._lost("the whole took too long" if over else "time") from None
        except wire.WireError as error:
            raise self._lost(str(error)) from None
        if type(answer) is not dict:
            raise self._lost("it gave a malformed answer")
        return answer

    def _start(self) -> None:
        """See that there is a room, in which the cells so far have run."""
        while not self.process:
            if time.monotonic() >= self.deadline:
                total = f"{self.limits.total:g}"
                raise Lost(
                    f"The {total} s for the whole notebook were over before this."
                )
            if self.restarts > MAX_RESTARTS:
                raise Lost("This was not run: the notebook's process ended too often.")
            self.restarts += 1
            self.process = self.rooms.room(self.limits, self.seed)
            for request in self.done:
                try:
                    self._run(request)
                except Lost as lost:  # it has ended this room, too: without it, then
                    self.done.remove(request)
                    self._note(f"{request['label']}, when it was run again: {lost}")
                    break

    def _lost(self, why: str) -> Lost:
        ended = self._end()
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
            with contextlib.suppress(wire.WireError, OSError):
                wire.send(self.process.connection, wire.pack({"do": "end"}))
                self.process.connection.settimeout(1)
                self.process.connection.recv(1)

    def _end(self):
        self._let_go()
        if not self.process:
            return None
        ended = self.process.end()
        self.process = None
        self.room_seconds += ended.cpu
        return ended

    def _note(self, words: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(words)


def number(text: str) -> int:
    """A seed for a text, below 2³²."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
