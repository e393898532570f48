"""Stands before what an exercise forbids, in the process that runs a student's code.

Patterns are those of :mod:`byhand.banned`, which finds forbidden calls by reading.
"""

import contextlib
import importlib
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grader.wire.messages import NotAllowed

# harmless by itself: without its siblings there is nothing that it could unpack
USED_BY_PRINT = {"torch.autograd.forward_ad.unpack_dual"}


class Guard:
    """Stands before the forbidden functions of this process, for when it matters.

    Until :meth:`refuse` they work as ever; from then on they raise :class:`NotAllowed`,
    under whatever name somebody has kept them. Classes are left alone (others derive from
    them); their instances can no longer be called, because what they call is refused.

    Args:
        patterns: what is forbidden.
    """

    def __init__(self, patterns: Iterable[str]):
        self.patterns = tuple(patterns)
        self._refused: list[bool] = []  # of one object, so that all see it change
        self._roots = {"torch"} | {name.split(".")[0] for name in self.patterns}
        self._modules = 0  # how many were loaded when it was looked last

    def place(self) -> None:
        """Stand before what is there by now; again after further imports."""
        count = len(sys.modules) - self._modules
        self._modules += count
        new = itertools.islice(reversed(sys.modules), max(0, count))
        if count >= 0 and self._roots.isdisjoint(name.split(".")[0] for name in new):
            return
        for owner, name, said in _forbidden(self.patterns):
            for suffix in ("", "_"):  # the second one works in place
                thing: Any = getattr(owner, name + suffix, None)
                if _is_open(thing, said + suffix):
                    guarded = _guarded(thing, said + suffix, self._refused)
                    setattr(owner, name + suffix, guarded)
        self._modules = len(sys.modules)

    def refuse(self) -> None:
        """From now on, forbidden functions raise :class:`NotAllowed`."""
        self._refused.append(True)


def _is_open(thing: Any, said: str) -> bool:
    """Whether this is a forbidden function before which nobody stands yet."""
    if not callable(thing) or isinstance(thing, (type, _GuardedOperator)):
        return False
    if type(thing).__module__ == "typing" or said in USED_BY_PRINT:
        return False
    return not (isinstance(thing, types.FunctionType) and thing.__code__ is _GUARDED)


def _forbidden(patterns: Iterable[str]) -> Iterator[tuple[Any, str, str]]:
    """Owner, name, and the name to say of every function that patterns forbid."""
    import torch

    for pattern in patterns:
        if pattern.startswith("."):
            for owner in (torch, torch.Tensor, torch.special, torch.nn.functional):
                yield owner, pattern[1:], pattern
            continue
        module, _, name = pattern.rpartition(".")
        thing = _find(pattern)
        if isinstance(thing, types.ModuleType):
            for part in [thing, *_parts(thing)]:
                for name in dir(part):
                    if not name.startswith("_"):
                        yield part, name, f"{part.__name__}.{name}"
        elif thing is not None:
            yield _find(module), name, pattern


def _find(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        module, _, last = name.rpartition(".")
        return getattr(_find(module), last, None) if module else None


def _parts(module: types.ModuleType) -> list[types.ModuleType]:
    found = vars(module).values()
    return [
        m
        for m in found
        if isinstance(m, types.ModuleType)
        and m.__name__.startswith(f"{module.__name__}.")
    ]


def _guarded(function: Callable, said: str, refused: list[bool]) -> Callable:
    if type(function).__module__ == "torch._ops":
        return _GuardedOperator(function, said, refused)

    def guarded(*args, **kwargs):
        if refused:
            raise _not_allowed(said)
        return function(*args, **kwargs)

    for name in ("__name__", "__qualname__", "__doc__"):
        with contextlib.suppress(AttributeError, TypeError):
            setattr(guarded, name, getattr(function, name))
    return guarded


def _not_allowed(said: str) -> NotAllowed:
    return NotAllowed(f"{said.lstrip('.')} is not allowed in this exercise")


class _GuardedOperator:
    """An operator of ``torch.ops``, whose overloads PyTorch's own modules look up."""

    def __init__(self, operator: Callable, said: str, refused: list[bool]):
        self._operator, self._said, self._refused = operator, said, refused

    def __call__(self, *args, **kwargs):
        if self._refused:
            raise _not_allowed(self._said)
        return self._operator(*args, **kwargs)

    def __getattr__(self, name: str):
        value = getattr(self._operator, name)
        if type(value).__module__ != "torch._ops":
            return value
        return _GuardedOperator(value, f"{self._said}.{name}", self._refused)


_GUARDED = _guarded(len, "", []).__code__
