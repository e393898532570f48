"""What attackers leave on this machine: calls, files, processes."""

import socket
import threading
from pathlib import Path

from tests.attacks import MARK
from tests.support.solutions import ROOT


class Listener:
    """Notes whoever calls this machine, by TCP, UDP or an abstract Unix socket."""

    def __init__(self):
        self.heard: list[str] = []
        tcp = socket.create_server(("", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("", self.port))
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(f"\0{MARK}-{self.port}")
        unix.listen()
        self.sockets = {"TCP": tcp, "UDP": udp, "Unix": unix}
        for kind, found in self.sockets.items():
            wait = found.accept if kind != "UDP" else lambda: udp.recv(9)
            threading.Thread(target=self._wait, args=(kind, wait), daemon=True).start()

    def _wait(self, kind, wait):
        while True:
            wait()
            self.heard.append(kind)


def segments() -> set[str]:
    """System V's segments of shared memory on this machine, by number."""
    _head, *rows = Path("/proc/sysvipc/shm").read_text().splitlines()
    return {row.split()[1] for row in rows}


def left_behind(course: Path, root: Path = ROOT) -> list[str]:
    """Files and processes of the attackers' on this machine.

    Args:
        course: the course folder.
        root: of the project whose grader graded them.
    """
    places = ["/", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/run", "/etc", "/root"]
    places += [course, course / "submitted", root, Path.home(), Path.cwd()]
    places += [root / part for part in ("byhand", "grader", "solutions/hw1_backprop")]
    found = [str(p) for place in places for p in Path(place).glob(f"{MARK}*")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "environ").read_bytes() + (
                process / "cmdline"
            ).read_bytes()
        except OSError:
            continue
        if MARK.encode() in text:
            found.append(text.decode(errors="replace")[:200])
    return found
