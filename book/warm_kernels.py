"""Kernels that are there at once: forked from a process that has imported PyTorch.

To import it with Matplotlib takes some five seconds of a processor in each chapter. The
kernel itself is the usual one, and starts after the fork. Only on Linux; elsewhere, and
for a kernel that is not Python's, the usual kernels start in the usual way.

Run as a program, this file is the process that is forked.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

# what nearly all chapters import; pyplot must find the kernel when it is imported
WARM = (
    *("torch", "torch.nn.functional", "torch.utils.flop_counter", "numpy"),
    *("matplotlib.style.core", "matplotlib.figure", "matplotlib.font_manager"),
    *("matplotlib.backends.backend_agg", "PIL.PngImagePlugin"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel"),
)
BACKEND = "module://matplotlib_inline.backend_inline"  # as a kernel has it
LARGEST = 1 << 20  # of a request, bytes


def serve(connection: socket.socket) -> None:
    """Fork a kernel at each request, until nobody is left to ask for one."""
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in WARM:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here is not searched again
    while request := connection.recv(LARGEST):
        arguments, env, cwd = json.loads(request)
        pid = os.fork()
        if not pid:
            connection.close()
            return _kernel(arguments, env, cwd)
        connection.send(str(pid).encode())


def _reap(*_) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _kernel(arguments: list[str], env: dict[str, str], cwd: str | None) -> None:
    """What the fork does: it is a kernel until it is told to end."""
    import torch
    from ipykernel import kernelapp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = str(os.getppid())
    os.setsid()
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=parent)
    os.chdir(cwd or ".")
    sys.argv[1:] = arguments
    sys.path[0] = ""
    torch.seed()  # as each process draws one of its own
    if "OMP_NUM_THREADS" in env:
        torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    more = f"--IPKernelApp.parent_handle={parent}"
    kernelapp.launch_new_instance(argv=[*arguments, more])
    atexit._run_exitfuncs()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    _reap()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # what PyTorch's parts say about each other when they go is not heard

from jupyter_client.manager import AsyncKernelManager  # noqa: E402
from jupyter_client.provisioning import LocalProvisioner  # noqa: E402

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo


class _Server:
    """The process that is forked; started when the first kernel is wanted."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connection: socket.socket | None = None

    def fork(self, *request: Any) -> int:
        """Have a kernel forked; its process's number."""
        with self.lock:
            if self.connection is None:
                self._start()
            self.connection.send(json.dumps(request).encode())
            answer = self.connection.recv(100)
            if not answer:
                raise RuntimeError(
                    "The process that kernels are forked from has ended: what it said "
                    "stands above."
                )
            return int(answer)

    def _start(self) -> None:
        self.connection, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"MPLBACKEND": BACKEND},
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._end, process)

    def _end(self, process: subprocess.Popen) -> None:
        self.connection.close()
        process.wait()


SERVER = _Server()


class WarmKernelManager(AsyncKernelManager):
    """For ``NotebookClient(kernel_manager_class=WarmKernelManager)``."""

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        python = "ipykernel_launcher" in self.kernel_spec.argv
        if self.provisioner is None and sys.platform == "linux" and python:
            self.provisioner = _Forked(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
        return await super()._async_pre_start_kernel(**kwargs)


class _Forked(LocalProvisioner):
    """Starts a kernel by a fork."""

    async def launch_kernel(
        self, cmd: list[str], **kwargs: Any
    ) -> "KernelConnectionInfo":
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        env = kwargs.get("env") or dict(os.environ)
        self.pid = self.pgid = SERVER.fork(arguments, env, kwargs.get("cwd"))
        self.process = _Process(self.pid)
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Process:
    """A process that is another one's child, asked like one of `subprocess`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid, self.file = pid, os.pidfd_open(pid)

    def poll(self) -> int | None:
        ended, _, _ = select.select([self.file], [], [], 0)
        return 0 if ended else None

    def wait(self) -> int:
        select.select([self.file], [], [])
        os.close(self.file)
        return 0

    def send_signal(self, number: int) -> None:
        signal.pidfd_send_signal(self.file, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
