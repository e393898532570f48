"""What an exercise forbids, refused in a snapshot: for good, before any test calls.

`byhand.refuse` says how. Where derivatives by autograd are forbidden, calls run below
autograd, so that nothing is recorded whatever a tensor requires; whoever records all the
same has switched that off, and is refused.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from byhand.refuse import NotAllowed, Refusal, end_at_backward
from grader.inside import seccomp
from grader.wire.messages import Kit

AUTOGRAD = "PyTorch's autograd is not allowed in this exercise"


class Guard:
    """Stands before what a homework forbids.

    Args:
        kit: what that is.
    """

    def __init__(self, kit: Kit):
        self.refusal = Refusal(kit.banned, kit.operators)
        self.kept: Any = None
        self.find()

    def find(self) -> None:
        """Look for what is forbidden among the modules that are there by now."""
        self.refusal.find()

    def refuse(self, final: Callable[[str], object]) -> None:
        """From now on nothing forbidden runs in this process, nor another program.

        Args:
            final: says why, and ends the process: of a call that cannot be stopped.
        """
        self.refusal.start()
        self.refusal.keep()
        if not self.refusal.derivatives:
            self.kept = end_at_backward(lambda: final(AUTOGRAD))
        seccomp.refuse(seccomp.PROGRAMS)

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """For the time of a call.

        Raises:
            NotAllowed: it has recorded derivatives, though they are forbidden.
        """
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
