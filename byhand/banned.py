"""Calls that an exercise forbids ("by hand"), found by reading.

:func:`read_cells` reads a notebook, for `byhand validate` and the grader alike; which
tests it concerns, the grader works out (`grader.notebook.forbidden`), and refuses such
calls while a test runs (`grader.inside.guard`).

A pattern is a dotted name (``torch.nn`` forbids it and all that is in it) or, with a
dot in front, a name wherever it is looked up (``.backward`` forbids ``loss.backward()``
and ``from torch import backward``).

Reading only helps where one can read: :func:`tricks` finds what hides from a reader
which function is called (``eval``, ``__dict__``, a module handed on as a value, …).
"""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from byhand import cells

HIDING = {
    *("eval", "exec", "compile", "__import__", "globals", "locals", "vars"),
    *("__builtins__", "__loader__", "__spec__", "get_ipython", "breakpoint"),
}
MODULES = {
    *("builtins", "ctypes", "code", "codeop", "gc", "grader", "importlib", "inspect"),
    *("IPython", "marshal", "pickle", "pkgutil", "runpy", "subprocess", "types"),
    *("dill", "cloudpickle", "joblib", "_thread", "__main__"),
    *("site", "imp", "zipimport", "pydoc"),  # they import from anywhere
}
PARTS = (
    *("sys.modules", "sys.path", "sys.meta_path", "sys.path_hooks", "sys._getframe"),
    *("operator.attrgetter", "operator.methodcaller", "byhand.banned"),
    *("torch.ops", "torch.jit", "torch.compile", "torch.hub", "torch.library"),
    *("torch.load", "torch.fx", "torch.export", "torch.overrides", "torch.utils"),
)
SPECIAL = {  # of the names with two underscores, those that hide nothing
    *("__init__", "__name__", "__class__", "__len__", "__call__", "__getitem__"),
    *("__setitem__", "__iter__", "__next__", "__repr__", "__str__", "__doc__"),
    *("__version__", "__add__", "__mul__", "__eq__", "__post_init__", "__enter__"),
}
ALLOWED = {"types.SimpleNamespace"}  # of these modules
# What people import whether or not it is here. Any other module that is not might be
# one that a cell has written.
COMMON = {
    *("pandas", "seaborn", "plotly", "altair", "cv2", "skimage", "statsmodels"),
    *("tqdm", "google", "tensorflow", "jax", "wandb", "tensorboard", "torchaudio"),
}
MAGICS = {  # that run no Python but what is read, too; "!" is a shell's command
    *("!", "bash", "sh", "pip", "conda", "ls", "cd", "pwd", "who", "whos", "lsmagic"),
    *("time", "timeit", "capture", "matplotlib", "config", "pinfo", "pinfo2", "pdb"),
    *("autoreload", "html", "HTML", "markdown", "latex", "svg", "precision", "xmode"),
}
MAX_MAGICS = 100  # lines of one cell that IPython has to rewrite, one after another


@dataclass(frozen=True)
class Use:
    """A forbidden name in a cell."""

    name: str
    line: int


class Written(NamedTuple):
    """A code cell: what to call it, its text, whether it was given and not the student's."""

    label: str
    source: str
    given: bool = False


@dataclass(frozen=True)
class Found:
    """What reading a cell has found. In a given cell nothing is forbidden, nor hides.

    Args:
        label: what the cell is called.
        binds: the names that it gives to something.
        uses: the names that it uses, and gets from elsewhere.
        forbidden: what it uses though it must not.
        hides: what keeps a reader from seeing which functions it calls.
        doubtful: names of methods that are forbidden of tensors, on who knows what.
    """

    label: str
    binds: frozenset[str]
    uses: frozenset[str]
    forbidden: tuple[Use, ...]
    hides: tuple[Use, ...]
    doubtful: tuple[Use, ...]


def read_cells(
    written: Iterable[Written], patterns: Iterable[str], doubt: bool = False
) -> list[Found]:
    """Read the code cells of a notebook, in order: imports of one count in the next.

    Args:
        written: all but the tests.
        patterns: what is forbidden.
        doubt: look for what is ``doubtful``, too.
    """
    patterns = tuple(patterns)
    of_tensors = [p for p in patterns if doubt and p.startswith("torch.Tensor.")]
    methods = tuple(f".{pattern.rpartition('.')[2]}" for pattern in of_tensors)
    known: tuple[tuple[str, str], ...] = ()
    found = []
    for cell in written:
        one, known = _read(cell, patterns, methods, known)
        found.append(one)
    return found


@lru_cache(1024)  # the given cells are those of the whole class
def _read(
    cell: Written,
    patterns: tuple[str, ...],
    methods: tuple[str, ...],
    before: tuple[tuple[str, str], ...],
) -> tuple[Found, tuple[tuple[str, str], ...]]:
    """What is found in a cell, and what names stand for after it."""
    known = dict(before)
    forbidden: list[Use] = []
    hides: list[Use] = []
    doubtful: list[Use] = []
    binds: set[str] = set()
    used: set[str] = set()
    try:
        for text in parts(cell.source):
            tree = cells.tree(text)
            if tree is None:
                raise ValueError
            forbidden += uses(tree, patterns, known)
            hides += tricks(tree, known)
            if methods and not cell.given:
                maybe = uses(tree, methods, dict(known))
                doubtful += (use for use in maybe if use.name.startswith("."))
            names = cells.names(text)
            used |= names[0]
            binds |= names[1]
    except (ValueError, RecursionError, MemoryError):
        hides.append(Use("what cannot be read", 1))
    if cell.given:
        forbidden, hides = [], []
    found = Found(
        cell.label,
        frozenset(binds),
        frozenset(used),
        tuple(forbidden),
        tuple(hides),
        tuple(doubtful),
    )
    return found, tuple(known.items())


def uses(
    source: ast.Module, patterns: Iterable[str], known: dict[str, str]
) -> list[Use]:
    """The forbidden names that a cell looks up.

    Args:
        source: the cell's syntax tree.
        patterns: what is forbidden.
        known: what names stand for, e.g. ``{"F": "torch.nn.functional"}``; the
            imports of this cell are added.
    """
    found: dict[int, Use] = {}
    patterns, nodes = tuple(patterns), _nodes(source)
    for node in nodes:  # imports first, wherever they are
        for name, full in _imported(node):
            known[name] = full
            _note(found, full, node, patterns)
    for node in nodes:
        if isinstance(node, ast.Attribute):
            name = _full_name(node, known) or f"?.{node.attr}"
            _note(found, name, node, patterns)
        elif isinstance(node, ast.Name) and node.id in known:
            _note(found, known[node.id], node, patterns)
        elif isinstance(node, ast.keyword) and node.arg:
            _note(found, f"?.{node.arg}", node.value, patterns)
        elif isinstance(node, ast.Call) and (attribute := _got(node)):
            base = _full_name(node.args[0], known) or "?"
            _note(found, f"{base}.{attribute}", node, patterns)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            value = _full_name(node.value, known)
            for target in node.targets:
                if value and isinstance(target, ast.Name):
                    known[target.id] = value
    return sorted(found.values(), key=lambda use: use.line)


@lru_cache(1)
def _nodes(source: ast.Module) -> list[ast.AST]:
    """All of a tree, which is looked at several times in a row."""
    return list(ast.walk(source))


def parts(source: str) -> list[str]:
    """The Python in a cell: without IPython's own syntax, and what its magics run.

    Raises:
        ValueError: the cell is too much for a reader.
    """
    if cells.tree(source) is not None:
        return [source]
    if len(source) > 50_000 or len(re.findall(r"(?m)^\s*[%!?]", source)) > MAX_MAGICS:
        raise ValueError("too long, or with too many magics")
    try:
        text = cells.plain_python(source)
        tree = ast.parse(text)
    except Exception:  # no Python, so nothing of it will run
        return []
    inner = [
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _magic(node)
        for argument in node.args[1:]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    return [text, *(part for code in inner for part in parts(code))]


def _magic(node: ast.Call) -> str:
    """The magic that a call is, as IPython rewrites it: its name; "" if it is none."""
    function = node.func
    if (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "get_ipython"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        if function.attr in ("run_line_magic", "run_cell_magic"):
            return str(node.args[0].value)
        return "!" if function.attr in ("system", "getoutput") else ""
    return ""


def _is_harmless(node: ast.Call, magic: str) -> bool:
    """Whether a magic runs nothing but what is read as well."""
    places = node.args if magic == "!" else node.args[1:]
    text = getattr(places[0], "value", None) if places else ""
    if not isinstance(text, str):
        return False
    if magic not in ("time", "timeit") and re.search(r"[{$]", text):
        return False  # IPython puts the values of expressions there
    return magic in MAGICS or (magic == "load_ext" and text.strip() == "autoreload")


def tricks(source: ast.Module, known: dict[str, str]) -> list[Use]:
    """What hides which function is called, or makes a name stand for another thing.

    Args:
        source, known: as for :func:`uses`.
    """
    found: dict[int, Use] = {}

    def note(node: Any, name: str) -> None:
        found.setdefault(node.lineno, Use(name, node.lineno))

    with_dot: set[ast.expr] = set()
    harmless: set[ast.expr] = set()
    magics: dict[ast.expr, str] = {}
    nodes = _nodes(source)
    for node in nodes:
        for name, full in _imported(node):
            known[name] = full
            root = full.partition(".")[0]
            star = root == "torch" and full.endswith(".*")
            hiding = root in MODULES and full not in ALLOWED
            own = root not in COMMON and not _is_here(root)
            if hiding or own or star or _is_part(full):
                note(node, f"importing {full}")
        if isinstance(node, ast.Attribute):
            with_dot.add(node.value)
        if isinstance(node, ast.Call) and (magic := _magic(node)):
            shell = node.func.value.func  # type: ignore[attr-defined] # _magic saw it
            magics[shell] = magic if magic == "!" else f"%{magic}"
            if _is_harmless(node, magic):
                harmless.add(shell)
    for node in nodes:
        if isinstance(node, ast.Name) and node not in harmless:
            full = known.get(node.id, "")
            module = full.partition(".")[0] == "torch" and full in sys.modules
            if node.id in HIDING or (module and node not in with_dot):
                note(node, magics.get(node, node.id))
        elif isinstance(node, ast.Attribute):
            full = _full_name(node, known) or ""
            special = node.attr.startswith("__") and node.attr not in SPECIAL
            stored = isinstance(node.ctx, ast.Store) and full
            if special or stored or _is_part(full):
                note(node, full or f".{node.attr}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            on_self = node.args and getattr(node.args[0], "id", "") == "self"
            named = node.func.id not in ("getattr", "setattr") or _got(node)
            if not named and not on_self:
                note(node, f"{node.func.id} with a name that is computed")
    return sorted(found.values(), key=lambda use: use.line)


def _is_here(root: str) -> bool:
    return root in sys.modules or importlib.util.find_spec(root) is not None


@lru_cache(10_000)
def _is_part(full: str) -> bool:
    root, *rest = full.split(".")
    private = root == "torch" and any(re.match("_(?!_version__)", p) for p in rest)
    return private or any(matches(full, part) for part in PARTS)


def matches(name: str, pattern: str) -> bool:
    """Whether a full name is what a pattern forbids."""
    if pattern.startswith("."):
        return f"{name}.".find(f"{pattern}.") >= 0
    return f"{name}.".startswith(f"{pattern}.")


@lru_cache(10_000)
def _is_forbidden(name: str, patterns: tuple[str, ...]) -> bool:
    return any(matches(name, pattern) for pattern in patterns)


def _note(
    found: dict[int, Use], name: str, node: Any, patterns: tuple[str, ...]
) -> None:
    if _is_forbidden(name, patterns):
        name = name.removeprefix("?")
        found.setdefault(node.lineno, Use(name, node.lineno))


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
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


def _got(node: ast.Call) -> str:
    """The name in a call of getattr, if it can be read; else ""."""
    if (
        isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    ):
        return node.args[1].value
    return ""
