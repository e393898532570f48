"""Start runs of the grader, kill them, and see whether anything of them lives on.

A program of its own, so that what a killed run leaves behind becomes its child. It has
the grader imported and forks a run for each line that it is sent, in JSON: ``argv``,
the ``log`` to write to, when to kill it (``after`` so many seconds, or null), and what:
the whole ``group`` of processes, or the main one. It answers with the exit status
(-9: killed) and the seconds that it took, once nothing of the run is left; or says
what is.
"""

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60


def main() -> None:
    from grader import commands  # noqa: F401 (as it takes a second)
    from grader.__main__ import main as grader

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    for line in sys.stdin:
        order = json.loads(line)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            os.setsid()
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            status = grader(order["argv"])
            sys.stdout.flush()
            os._exit(status)
        status = _wait(child, order["after"], order["group"])
        seconds = time.monotonic() - start
        answer = {"status": status, "seconds": seconds, "left": _left()}
        print(json.dumps(answer), flush=True)


def _wait(child: int, after: float | None, group: bool) -> int:
    over = time.monotonic() + (1e9 if after is None else after)
    while time.monotonic() < over:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    (os.killpg if group else os.kill)(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


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
