"""The warm parent of the rooms: it has imported everything, and forks one for each.

It is started inside bubblewrap (`grader.judge.sandbox`) and runs no student code. For
each request it forks a *keeper* (`grader.inside.keeper`), which forks the room into
namespaces of its own (`grader.inside.namespaces`).

Run as ``python -m grader.inside.zygote FD apart|together``: a datagram socket on which
first a :class:`Kit` comes, then requests.
"""

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from grader.inside.guard import Guard
from grader.inside.keeper import keep
from grader.inside.namespaces import LIBC, PR_SET_DUMPABLE, mount_proc
from grader.wire.messages import Kit, StartRoom

WARM = (  # some would otherwise be imported when first used, in each room
    *("torch", "numpy.random", "matplotlib.style.core", "grader.inside.room"),
    *("IPython", "IPython.core.logger", "matplotlib_inline.backend_inline"),
)
NOBODY = 65534
LIBC.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25  # asm-generic/mman-common.h; Linux 6.1


def main() -> None:
    """Import, give up what rights there are, then fork a room for each request."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # there is no garbage in imports that is worth the search
    apart = sys.argv[2] == "apart"  # namespaces can be had
    if os.getuid() == 0:
        # bubblewrap, run by root, hides parts of /proc, and then nobody else may mount
        mount_proc()
    warm_up()
    guard = _lay_out(Kit.from_json(control.recv(100_000) or sys.exit()))
    _use_huge_pages()
    if os.getuid() == 0 and apart:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need not be waited for
    LIBC.prctl(PR_SET_DUMPABLE, 0)
    control.send(b"ready")
    while True:
        request, fds, *_ = socket.recv_fds(control, 4096, 2)
        if not request:
            return
        if len(fds) == 2 and os.fork() == 0:
            control.close()
            try:
                keep(fds[0], fds[1], StartRoom.from_json(request), apart, guard)
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)


def warm_up() -> None:
    """Import it all, and do what PyTorch, IPython and others put off to first use."""
    for name in WARM:
        importlib.import_module(name)
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib_inline.backend_inline import configure_inline_support
    from traitlets.config import Config

    torch.set_num_threads(1)
    weight = torch.zeros(2, requires_grad=True)
    weight.sum().backward()
    shell: Any = InteractiveShell.instance(
        config=Config({"HistoryManager": {"enabled": False}}),
        colors="nocolor",
        cache_size=0,
        xmode="Plain",
    )
    configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
    shell.run_cell("1", store_history=False, silent=True)
    shell.display_formatter.format(weight)


def _lay_out(kit: Kit) -> Guard:
    """Import what a homework needs; the guard before what it forbids."""
    for name in kit.imports:
        module, _, part = name.rpartition(".")
        with contextlib.suppress(ImportError):  # a cell may try what is not here
            importlib.import_module(module or part)
            if not hasattr(sys.modules.get(module), part):
                importlib.import_module(name)
    if kit.digits:
        from byhand import data

        for split in ("train", "test"):
            data.digits(split)
    guard = Guard(kit)
    # each is visited in each fork, and what they say is heard by nobody
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        getattr(logger, "handlers", []).clear()
    gc.freeze()  # what is here stays shared between the rooms
    return guard


def _use_huge_pages() -> None:
    """Put what is in memory into pages of 2 MB where the kernel can (Linux 6.1).

    There are several forks for each submission, and to copy 170,000 entries of a page
    table and let go of them again costs it 40 ms of CPU time.
    """
    LIBC.malloc_trim(0)
    size = 2 << 20
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *_ = line.split()
        if rights == "rw-p" and inode == "0":
            start, end = (int(part, 16) for part in place.split("-"))
            start, end = -(-start // size) * size, end // size * size
            if start < end:
                LIBC.madvise(start, end - start, MADV_HUGEPAGE)
            for page in range(start, end, size):
                LIBC.madvise(page, size, MADV_COLLAPSE)  # fails where a page is empty


if __name__ == "__main__":
    main()
    os._exit(0)  # PyTorch's parts complain when an interpreter takes itself down
