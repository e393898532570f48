"""What an exercise forbids, refused in a snapshot: for good, before any test calls.

Most notebooks use nothing of it, in no cell. So what can be refused beforehand is, once
for all rooms, in their warm parent: it is a thousand functions and operators, each in
memory pages of its own, which every snapshot would have to copy. Where a cell does use
something of it, as a student may, the room says so, and the judge begins again with a
room in which all is allowed until a snapshot is made (:meth:`Guard.enter`).

`byhand.refuse` says how. Where derivatives by autograd are forbidden, calls run below
autograd, so that nothing is recorded whatever a tensor requires; whoever records all the
same has switched that off, and is refused.

A compiled function of a forbidden library is found by the name of its module; who has
taken that away, or loaded the file under another, is refused by what the system says is
loaded.
"""

import contextlib
import ctypes
import mmap
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from byhand.refuse import MAPS, NotAllowed, Refusal, end_at_backward, times_loaded
from grader.inside import seccomp
from grader.wire.messages import Kit

AUTOGRAD = "PyTorch's autograd is not allowed in this exercise"
# of torch._C: what runs operators past the dispatcher, by handles on their kernels, or in
# interpreters of PyTorch's own. No notebook needs it; it is withheld from the start
PAST = (
    "_dispatch_get_computed_kernel_for_dispatch_key",
    *("_jit_to_static_module", "_fuse_to_static_module", "StaticModule", "_te"),
)
OWN = ("/tmp/", "/dev/shm/", "/memfd:")  # where a room's code can write


class Guard:
    """Stands before what a homework forbids.

    Args:
        kit: what that is.
    """

    def __init__(self, kit: Kit):
        self.refusal = Refusal(kit.banned, kit.operators, self._note)
        self.used = mmap.mmap(
            -1, 1
        )  # which a room shares with processes that it starts
        self.libraries = [p for p in kit.banned if not p.startswith((".", "torch"))]
        self.kept: Any = None
        self.refusal.find()
        self.loaded = times_loaded()
        self.places = tuple(f"{p}/" for p in {*sys.path, sys.prefix} if p)
        self.hidden = ""  # a forbidden library that is loaded, and not to be seen
        self.refusal.start_within_pytorch()
        if kit.operators:
            _withhold(PAST)

    def _note(self) -> None:
        self.used[0] = 1

    def enter(self, strict: bool) -> None:
        """Begin a room; call it before any of the student's code.

        Args:
            strict: whether cells may not use either what tests may not. Where they try,
                ``used`` says so.
        """
        self.used = mmap.mmap(-1, 1)
        if strict:
            self.refusal.keep()
        else:
            self.refusal.stop()

    def refuse(self, final: Callable[[str], object]) -> None:
        """From now on nothing forbidden runs in this process, nor another program.

        Args:
            final: says why, and ends the process: of a call that cannot be stopped.
        """
        if self.libraries and times_loaded() != self.loaded:
            self.hidden = hidden_library(self.libraries, MAPS.read_text(), self.places)
        self.refusal.start()
        self.refusal.keep()
        if self.refusal.kept and not self.hidden:
            self.hidden = f"a forbidden function kept in a {self.refusal.kept}"
        if not self.refusal.derivatives:
            self.kept = end_at_backward(lambda: final(AUTOGRAD))
        seccomp.refuse(seccomp.PROGRAMS)

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """For the time of a call.

        Raises:
            NotAllowed: it has recorded derivatives, though they are forbidden; or a
                forbidden library is hidden, so that it cannot be refused.
        """
        if self.hidden:
            raise NotAllowed(
                f"{self.hidden}: hidden from the grader, which is not allowed"
            )
        if self.refusal.derivatives:
            yield
            return
        import torch

        below = torch._C._AutoDispatchBelowAutograd()
        before = torch._C._autograd._get_sequence_nr()
        try:
            yield
            if torch._C._autograd._get_sequence_nr() != before:
                raise NotAllowed(AUTOGRAD)
        finally:
            del below


def _withhold(names: Iterable[str]) -> None:
    import torch

    for name in names:
        if hasattr(torch._C, name):
            sys.modules.pop(f"torch._C.{name}", None)
            setattr(torch._C, name, _withheld)


def _withheld(*_, **__):
    raise NotAllowed("ways past PyTorch's dispatcher are not allowed in this homework")


def hidden_library(
    libraries: Iterable[str], maps: str, places: tuple[str, ...] = ()
) -> str:
    """Which of these is loaded, and its modules cannot be found; "" if none.

    Neither may there be compiled code from where a room can write.

    Args:
        libraries: dotted names, of packages.
        maps: what is loaded, as in ``/proc/self/maps``.
        places: where installed packages lie, which may be below ``/tmp``.
    """
    folders = {f"/{name.replace('.', '/')}/": name for name in libraries}
    for path in dict.fromkeys(re.findall(r"r-xp .* (/.*)$", maps, re.M)):
        if path.startswith(OWN) and not path.startswith(places):
            return f"compiled code of one's own ({Path(path).name})"
        for folder, name in folders.items():
            _before, found, rest = path.partition(folder)
            if found:
                module = f"{name}.{rest.partition('.')[0].replace('/', '.')}"
                if not _is_extension(sys.modules.get(module)):
                    return name
    return ""


def _is_extension(module: Any) -> bool:
    """Whether it is the module of a compiled library, and no Python's."""
    definition = ctypes.pythonapi.PyModule_GetDef
    definition.restype, definition.argtypes = ctypes.c_void_p, [ctypes.py_object]
    return isinstance(module, types.ModuleType) and bool(definition(module))
