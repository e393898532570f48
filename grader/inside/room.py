"""The student's room: runs the student's cells, and forks snapshots that serve tests.

This runs inside the sandbox, in the same process as the student's code. Nothing here is
trusted: the judge takes only plain data from it, and holds it to time and size.

For tests the room forks a *snapshot* of itself (`grader.inside.snapshot`), which serves
their calls and then ends, so that one that crashes, hangs or changes things reaches
nothing that comes later (`grader.judge.judge` says which tests share one).
"""

import contextlib
import linecache
import os
import random
import signal
import socket
import sys
from typing import Any

import numpy as np
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure

from byhand import standins
from byhand.shell import prepare
from grader.inside.calls import CLOCK, describe
from grader.inside.guard import Guard
from grader.inside.showing import SENT, Hook, Publisher, Stream
from grader.inside.snapshot import Served
from grader.wire import codec
from grader.wire.messages import End, Ran, Run, Snapshot, from_plain

standins.place()  # in the warm parent, once for all rooms


class Room:
    """One student's notebook, as it runs.

    Args:
        connection: to the judge.
        seed: of the global random number generators.
        guard: before what the homework forbids.
        strict: refuse that to the student's own cells, too.
    """

    def __init__(
        self, connection: socket.socket, seed: int, guard: Guard, strict: bool
    ):
        self.connection, self.guard = connection, guard
        guard.enter(strict)
        self.shell: Any = InteractiveShell.instance()
        prepare(self.shell)  # no shell or magic line stops a cell
        random.seed(seed)
        np.random.seed(seed % 2**32)
        # torch.manual_seed also notes where it was called from, for GPUs to come
        torch.default_generator.manual_seed(seed)
        signal.signal(signal.SIGALRM, CLOCK.ring)
        for name in [
            name for name in sys.modules if name.partition(".")[0] == "grader"
        ]:
            del sys.modules[name]  # a student's code that looks for it finds another
        self.states: dict[int, dict] = {}  # names as they were, by number
        self.child = 0  # the latest snapshot

    def serve(self) -> None:
        """Answer the judge until it hangs up."""
        with contextlib.suppress(codec.WireError):
            while True:
                request, _ = from_plain(codec.receive(self.connection))
                if self.child:  # the judge is done with it, whatever state it is in
                    with contextlib.suppress(OSError):
                        os.kill(self.child, signal.SIGKILL)
                        os.waitpid(self.child, 0)
                    self.child = 0
                match request:
                    case End():
                        return
                    case Run():
                        ran = self.run(request)
                        codec.send(self.connection, codec.pack(ran.to_plain()))
                    case Snapshot():
                        self.snapshot(request)

    def run(self, request: Run) -> Ran:
        """Run one cell; what it showed, and its error if there was one."""
        outputs: list[dict] = []
        if request.state is None:
            self.states.clear()
        else:
            self.states[request.state] = dict(self.shell.user_ns)
        # what only defines shows nothing: IPython has nothing to do
        run = self._define if request.defines else self._run_in_shell
        out, err = Stream("stdout", outputs), Stream("stderr", outputs)
        fault = None
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                CLOCK.within(request.seconds),
            ):
                problem = run(request, f"<{request.label}>", outputs)
                if problem is not None:  # it may say of itself that it is false
                    fault = describe(problem)
        except BaseException as problem:
            fault = describe(problem)
        return Ran(outputs[:SENT], fault, bool(self.guard.used[0]))

    def _define(self, request: Run, name: str, outputs: list) -> None:
        source = request.source
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = len(source), None, lines, name
        exec(self.shell.compile(source + "\n", name, "exec"), self.shell.user_ns)

    def _run_in_shell(
        self, request: Run, name: str, outputs: list
    ) -> BaseException | None:
        """Run a cell as IPython does; what it raised, or None."""
        shell = self.shell
        shell.compile.get_code_name = lambda *_: name
        shell._showtraceback = lambda *_: None
        if Figure not in shell.display_formatter.formatters["image/png"].type_printers:
            select_figure_formats(shell, {"png"})  # whatever the notebook has chosen
        if request.plain:  # nothing of IPython's own, which takes long to look for
            shell.transform_cell = lambda source: source
        else:
            vars(shell).pop("transform_cell", None)
        hook, publisher = shell.display_trap.hook, shell.display_pub
        shell.display_trap.hook = Hook(shell, outputs)
        shell.display_pub = Publisher(outputs)
        try:
            result = shell.run_cell(request.source, store_history=False)
        finally:
            shell.display_trap.hook, shell.display_pub = hook, publisher
        if result.error_before_exec is not None:
            return result.error_before_exec
        return result.error_in_exec

    def snapshot(self, request: Snapshot) -> None:
        """Fork, and let the fork serve tests until the judge hangs up."""
        _, (fd,), *_ = socket.recv_fds(self.connection, 1, 1)
        self.child = os.fork()
        if self.child == 0:
            self.connection.close()
            with contextlib.suppress(BaseException):
                names, line = self.shell.user_ns, socket.socket(fileno=fd)
                Served(names, self.states, line, request.seconds, self.guard).serve()
            os._exit(0)
        os.close(fd)
        done = Ran([], None, bool(self.guard.used[0]))
        codec.send(self.connection, codec.pack(done.to_plain()))
