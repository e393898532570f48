"""The student's room: runs the student's cells, and serves calls from the tests.

This runs inside the sandbox (`grader.zygote` forks it), in the same process as the
student's code. Nothing here is trusted: the judge takes only plain data from it, and
holds it to time and size.

For tests the room forks a *snapshot* of itself, which serves their calls and then ends, so
that one that crashes, hangs or changes things reaches nothing that comes later
(`grader.judge` says which tests share one).
"""

import contextlib
import io
import linecache
import os
import random
import signal
import socket
import sys
import traceback

import numpy as np
import torch
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure

from byhand.banned import Guard
from grader import wire

MAX_TEXT = 20_000  # characters of one output
MAX_OUTPUTS = 50  # of one cell
MAX_PICTURES = 3_000_000  # characters of the pictures of one cell, in base64
KEPT = ("text/plain", "image/png")  # HTML could hold scripts


class TookTooLong(BaseException):  # not an Exception: `except Exception` lets it pass
    """The time of a cell or of a call is over."""


class Room:
    """One student's notebook, as it runs.

    Args:
        connection: to the judge.
        seed: of the global random number generators.
        guard: before what the homework forbids.
    """

    def __init__(self, connection: socket.socket, seed: int, guard: Guard):
        self.connection, self.guard = connection, guard
        self.shell = InteractiveShell.instance()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        # torch.manual_seed also notes where it was called from, for GPUs to come
        torch.default_generator.manual_seed(seed)
        signal.signal(signal.SIGALRM, _alarm)
        self.states: dict[int, dict] = {}  # names as they were, by number
        self.child = 0  # the latest snapshot

    def serve(self) -> None:
        """Answer the judge until it hangs up."""
        with contextlib.suppress(wire.WireError):
            while True:
                request = wire.receive(self.connection)
                if self.child:  # the judge is done with it, whatever state it is in
                    with contextlib.suppress(OSError):
                        os.kill(self.child, signal.SIGKILL)
                        os.waitpid(self.child, 0)
                    self.child = 0
                if request["do"] == "end":
                    return
                if request["do"] == "run":
                    wire.send(self.connection, wire.pack(self.run(request)))
                else:
                    self.snapshot(request)

    def run(self, request: dict) -> dict:
        """Run one cell; what it showed, and its error if there was one."""
        outputs: list[dict] = []
        if request["state"] is None:
            self.states.clear()
        else:
            self.states[request["state"]] = dict(self.shell.user_ns)
        # what only defines shows nothing: IPython has nothing to do
        run = self._define if request["defines"] else self._run_in_shell
        out, err = _Stream("stdout", outputs), _Stream("stderr", outputs)
        error = None
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                _within(request["seconds"]),
            ):
                problem = run(request, f"<{request['label']}>", outputs)
                if problem is not None:  # it may say of itself that it is false
                    error = describe(problem)
        except BaseException as problem:
            error = describe(problem)
        return {"outputs": outputs[:MAX_OUTPUTS], "error": error}

    def _define(self, request: dict, name: str, outputs: list) -> None:
        source = request["source"]
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = len(source), None, lines, name
        exec(self.shell.compile(source + "\n", name, "exec"), self.shell.user_ns)

    def _run_in_shell(self, request: dict, name: str, outputs: list):
        """Run a cell as IPython does; what it raised, or None."""
        shell = self.shell
        shell.compile.get_code_name = lambda *_: name
        shell._showtraceback = lambda *_: None
        if Figure not in shell.display_formatter.formatters["image/png"].type_printers:
            select_figure_formats(shell, {"png"})  # whatever the notebook has chosen
        if request["plain"]:  # nothing of IPython's own, which takes long to look for
            shell.transform_cell = lambda source: source
        else:
            vars(shell).pop("transform_cell", None)
        hook, publisher = shell.display_trap.hook, shell.display_pub
        shell.display_trap.hook = _Hook(shell, outputs)
        shell.display_pub = _Publisher(outputs)
        try:
            result = shell.run_cell(request["source"], store_history=False)
        finally:
            shell.display_trap.hook, shell.display_pub = hook, publisher
        if result.error_before_exec is not None:
            return result.error_before_exec
        return result.error_in_exec

    def snapshot(self, request: dict) -> None:
        """Fork, and let the fork serve tests until the judge hangs up."""
        _, (fd,), *_ = socket.recv_fds(self.connection, 1, 1)
        self.guard.place()
        self.child = os.fork()
        if self.child == 0:
            self.connection.close()
            with contextlib.suppress(BaseException):
                self.guard.refuse()
                _Snapshot(self, socket.socket(fileno=fd), request["seconds"]).serve()
            os._exit(0)
        os.close(fd)


class _Snapshot:
    """Serves the calls of tests, one test after another."""

    def __init__(self, room: Room, connection: socket.socket, seconds: float):
        self.names, self.states = room.shell.user_ns, room.states
        self.now = dict(self.names)
        self.connection, self.seconds = connection, seconds
        self.objects: list = []
        self.chance = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def serve(self) -> None:
        sys.stdout = sys.stderr = _Stream("stdout", [])
        while True:
            request = wire.receive(self.connection)
            number = request.pop("number")
            try:
                with _within(self.seconds):
                    answer = getattr(self, f"do_{request.pop('do')}")(**request)
                message = wire.pack({"number": number} | answer, self._handle)
            except BaseException as error:
                answer = {"number": number, "error": describe(error)}
                message = wire.pack(answer)
            wire.send(self.connection, message)

    def do_begin(self, names: list, state: int | None) -> dict:
        """The values of those names that the student's cells have defined.

        Names and random numbers are as they were at the test's place in the notebook.
        """
        self.objects.clear()
        self.names.clear()
        self.names.update(self.states.get(state, self.now))
        python, numpy, pytorch = self.chance
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(pytorch)
        module = type(sys)
        found = {n: self.names[n] for n in names if n in self.names}
        return {"value": {n: v for n, v in found.items() if not isinstance(v, module)}}

    def do_call(self, target: int, args, kwargs, watch: bool) -> dict:
        """Call an object; if this is to be watched, also the tensors that it changed."""
        function = self.objects[target]
        args, kwargs = self._inside(args), self._inside(kwargs)
        if not watch:
            return {"value": function(*args, **kwargs)}
        tensors = list(_tensors([args, kwargs]))
        before = [t.detach().clone() for t in tensors]
        value = function(*args, **kwargs)
        pairs = enumerate(zip(tensors, before, strict=True))
        changed = {n: t for n, (t, old) in pairs if not _same(t, old)}
        return {"value": value, "changed": changed}

    def do_get(self, target: int, name: str) -> dict:
        return {"value": getattr(self.objects[target], name)}

    def do_set(self, target: int, name: str, value) -> dict:
        setattr(self.objects[target], name, self._inside(value))
        return {"value": None}

    def do_list(self, target: int) -> dict:
        return {"value": list(self.objects[target])}

    def _handle(self, thing) -> wire.Handle:
        self.objects.append(thing)
        kind = type(thing).__name__
        return wire.Handle(len(self.objects) - 1, str(kind), callable(thing))

    def _inside(self, value):
        if isinstance(value, wire.Handle):
            return self.objects[value.number]
        if isinstance(value, (tuple, list)):
            return type(value)(self._inside(v) for v in value)
        if isinstance(value, dict):
            return {k: self._inside(v) for k, v in value.items()}
        return value


def describe(error: BaseException) -> dict:
    """An exception as text: its type, its words, and the lines of the student's."""
    if isinstance(error, TookTooLong):
        kind, words = "TimeoutError", "it took too long, and was stopped"
    else:
        kind = type(error).__name__
        try:
            words = str(error)
        except BaseException:
            words = ""
    lines = []
    try:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("<") and "frozen" not in frame.filename:
                place = f"{frame.filename[1:-1]}, line {frame.lineno}"
                lines.append(f"{place}: {frame.line or ''}"[:300])
    except BaseException:
        lines = []
    if isinstance(error, SyntaxError):
        lines.append(f"line {error.lineno}: {(error.text or '').rstrip()}"[:300])
    return {"type": str(kind)[:100], "words": words[:2000], "lines": lines[-10:]}


def _alarm(*_):
    raise TookTooLong


@contextlib.contextmanager
def _within(seconds: float):
    """Interrupt what runs here after so many seconds, and again until it stops."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors hold the same, NaN included."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if torch.equal(one, other):
        return True
    # NaN is not equal to itself
    pair = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return torch.equal(*pair)


class _Stream(io.TextIOBase):
    """Keeps the beginning of what is printed."""

    def __init__(self, name: str, outputs: list):
        self.name, self.outputs, self.left = name, outputs, MAX_TEXT

    def write(self, text: str) -> int:
        part = str(text)[: self.left]
        if part:
            self.left -= len(part)
            last = self.outputs[-1] if self.outputs else {}
            if last.get("stream") == self.name:
                last["text"] += part
            else:
                self.outputs.append({"stream": self.name, "text": part})
            if not self.left:
                self.outputs[-1]["text"] += "\n… (more was printed; it is not kept)\n"
        return len(text)

    def isatty(self) -> bool:
        return False


def _keep(outputs: list, kind: str, data: dict) -> None:
    if len(outputs) < MAX_OUTPUTS:
        kept = {k: str(data[k])[:MAX_TEXT] for k in KEPT[:1] if k in data}
        picture = data.get("image/png")
        before = sum(
            len(o["data"].get("image/png", "")) for o in outputs if "data" in o
        )
        if isinstance(picture, str) and before + len(picture) <= MAX_PICTURES:
            kept["image/png"] = picture
        outputs.append({"shown": kind, "data": kept})


class _Publisher(DisplayPublisher):
    def __init__(self, outputs: list):
        super().__init__()
        self.outputs = outputs

    def publish(self, data, metadata=None, **_):
        _keep(self.outputs, "display_data", data)

    def clear_output(self, wait=False):
        self.outputs.clear()


class _Hook(CapturingDisplayHook):
    is_active = False

    def __init__(self, shell, outputs: list):
        super().__init__(shell, [])
        self.kept = outputs

    def __call__(self, result=None):
        if result is not None:
            data, _ = self.shell.display_formatter.format(result, include=KEPT)
            _keep(self.kept, "execute_result", data)
