"""Calls that an exercise forbids ("by hand"): found by reading, refused at run time.

A pattern is a dotted name (``torch.nn`` forbids it and all that is in it) or, with a
dot in front, a name wherever it is looked up (``.backward`` forbids ``loss.backward()``
and ``from torch import backward``).
"""

import ast
import importlib
import types
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """A forbidden name in a cell."""

    name: str
    line: int


def uses(source: ast.Module, patterns: list[str], known: dict[str, str]) -> list[Use]:
    """The forbidden names that a cell looks up.

    Args:
        source: the cell's syntax tree.
        patterns: what is forbidden.
        known: what names stand for, e.g. ``{"F": "torch.nn.functional"}``; the
            imports of this cell are added.
    """
    found = {}
    for node in ast.walk(source):  # imports first, wherever they are
        for name, full in _imported(node):
            known[name] = full
            _note(found, full, node, patterns)
    for node in ast.walk(source):
        if isinstance(node, ast.Attribute):
            full = _full_name(node, known)
            _note(found, full or f"?.{node.attr}", node, patterns)
        elif isinstance(node, ast.Name) and node.id in known:
            _note(found, known[node.id], node, patterns)
        elif isinstance(node, ast.keyword) and node.arg:
            _note(found, f"?.{node.arg}", node.value, patterns)
        elif isinstance(node, ast.Call) and _is_getattr(node):
            base = _full_name(node.args[0], known) or "?"
            _note(found, f"{base}.{node.args[1].value}", node, patterns)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            full = _full_name(node.value, known)
            for target in node.targets:
                if full and isinstance(target, ast.Name):
                    known[target.id] = full
    return sorted(found.values(), key=lambda use: use.line)


def matches(name: str, pattern: str) -> bool:
    """Whether a full name is what a pattern forbids."""
    if pattern.startswith("."):
        return f"{name}.".find(f"{pattern}.") >= 0
    return f"{name}.".startswith(f"{pattern}.")


def _note(found: dict, name: str, node: ast.AST, patterns: list[str]) -> None:
    if any(matches(name, pattern) for pattern in patterns):
        name = name.removeprefix("?")
        found.setdefault(node.lineno, Use(name, node.lineno))


def _imported(node: ast.AST):
    if isinstance(node, ast.Import):
        for alias in node.names:
            short = alias.asname or alias.name.partition(".")[0]
            yield short, alias.name if alias.asname else short
            if not alias.asname and alias.name != short:
                yield alias.name, alias.name  # `import torch.nn` names it as well
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.AST, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _full_name(node.value, known)
        return f"{base}.{node.attr}" if base else None
    return None


def _is_getattr(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    )


class NotAllowed(Exception):
    """A forbidden function was called while a test ran."""


def enforce(patterns: list[str]) -> None:
    """From now on, forbidden functions raise :class:`NotAllowed` in this process.

    Classes are left alone (others derive from them); their instances can no longer be
    called, because what they call is refused.
    """
    import torch

    for pattern in patterns:
        if pattern.startswith("."):
            for owner in (torch, torch.Tensor, torch.special, torch.nn.functional):
                _refuse(owner, pattern[1:], pattern)
            continue
        module, _, name = pattern.rpartition(".")
        thing = _find(pattern)
        if isinstance(thing, types.ModuleType):
            for part in [thing, *_parts(thing)]:
                for name in dir(part):
                    if not name.startswith("_"):
                        _refuse(part, name, f"{part.__name__}.{name}")
        elif thing is not None:
            _refuse(_find(module), name, pattern)


def _find(name: str):
    try:
        return importlib.import_module(name)
    except ImportError:
        module, _, last = name.rpartition(".")
        return getattr(_find(module), last, None) if module else None


def _parts(module: types.ModuleType):
    found = vars(module).values()
    return [
        m
        for m in found
        if isinstance(m, types.ModuleType)
        and m.__name__.startswith(f"{module.__name__}.")
    ]


def _refuse(owner, name: str, said: str) -> None:
    thing = getattr(owner, name, None)
    if not callable(thing) or isinstance(thing, type):
        return

    def refused(*_, **__):
        raise NotAllowed(f"{said.lstrip('.')} is not allowed in this exercise")

    setattr(owner, name, refused)
