"""A process that has imported what takes long, and forks for each run that it is sent.

A program of its own: ``python -c <this text> IMPORTS reap|leave``, where IMPORTS is code
that is run once. It takes orders from `tests.support.runs`, one a line, in JSON: the
``code`` to run, its ``argv``, ``env`` and ``cwd``, the files ``out`` and ``err`` to
write to, when to kill it (``after`` so many seconds, or null), and what: the whole
``group`` of processes, or the main one. It answers with the exit status (-9: killed) and
the seconds that it took. With ``reap``, what a run leaves behind becomes its child: it
answers once nothing of the run is left, or says what is.
"""

import atexit
import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60


def main() -> None:
    imports, reap = sys.argv[1], sys.argv[2] == "reap"
    exec(imports, {})
    if reap:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    for line in sys.stdin:
        order = json.loads(line)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(order)
        status = _wait(child, order["after"], order["group"])
        seconds = time.monotonic() - start
        answer = {"status": status, "seconds": seconds, "left": _left() if reap else []}
        print(json.dumps(answer), flush=True)


def _run(order: dict) -> None:
    """Run an order's code as an interpreter would, and end this process."""
    status = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        files = [null, os.open(order["out"], flags), os.open(order["err"], flags)]
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        sys.argv = ["-c", *order["argv"]]
        exec(compile(order["code"], "<run>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # these two in the order of an interpreter that ends
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _wait(child: int, after: float | None, group: bool) -> int:
    if after is None:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    over = time.monotonic() + after
    while time.monotonic() < over:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    (os.killpg if group else os.kill)(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _left() -> list[str]:
    """The command lines of what is still there after a while."""
    over = time.monotonic() + PATIENCE
    while time.monotonic() < over:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return []
        time.sleep(0.01)
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in text.split()]
    return [line.replace("\0", " ") for line in lines] or ["something"]


if __name__ == "__main__":
    main()
