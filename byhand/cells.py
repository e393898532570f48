"""Read a cell: which names it uses and binds, and whether it does anything else."""

import ast
import builtins
import re
import symtable
import sys
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

# RuntimeError: IPython gives up on a cell of hundreds of magics; or the recursion is deep
UNREADABLE = (SyntaxError, ValueError, RuntimeError, MemoryError)
BUILT_IN = frozenset(dir(builtins))
# the version that a feature came with, and what the line or the message looks like
NEWER = (
    ("3.14", r"^\s*except\s+[\w.]+\s*,", "line"),
    ("3.14", r"(?<![\w\"'])(?:[tT][rR]?|[rR][tT])[\"']", "line"),
    ("3.12", r"^\s*type\s+\w+\s*(?:\[.*\]\s*)?=", "line"),
    ("3.12", r"^\s*(?:async\s+def|def|class)\s+\w+\s*\[", "line"),
    ("3.12", r"f-string expression part cannot include", "message"),
    # a quote of the same kind inside of the braces
    ("3.12", r"\b[rR]?[fF][rR]?([\"'])[^\"']*\{[^{}]*\1[^{}]*\1[^{}]*\}", "line"),
)
HARMLESS = {"staticmethod", "classmethod", "property", "dataclass"}  # decorators
STILL = (  # parts of expressions that call nothing
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.UnaryOp, ast.BinOp),
    *(ast.expr_context, ast.operator, ast.unaryop),
)
IN_ANNOTATIONS = (ast.Subscript, ast.List)


@lru_cache(4096)
def tree(source: str) -> ast.Module | None:
    """A cell's syntax tree, not to be changed; None if it is not plain Python."""
    try:
        return ast.parse(source)
    except UNREADABLE:
        return None


@lru_cache(4096)
def plain_python(source: str) -> str:
    """A cell without IPython's own syntax."""
    if tree(source) is not None:
        return source
    manager = TransformerManager()
    manager.cleanup_transforms.append(above_cell_magic)
    return manager.transform_cell(source)


def above_cell_magic(lines: list[str]) -> list[str]:
    """A cell without the comments above its ``%%time``, which must come first."""
    for place, line in enumerate(lines):
        if re.match(r"%%\w", line):
            return lines[place:]
        if line.strip() and not line.lstrip().startswith("#"):
            break
    return lines


def newer_python(error: SyntaxError) -> str:
    """Which Python a cell needs that is no Python for this one, e.g. "3.12"; or ""."""
    line, message = error.text or "", error.msg or ""
    for version, pattern, where in NEWER:
        major, minor = map(int, version.split("."))
        if (major, minor) > sys.version_info and re.search(
            pattern, {"line": line, "message": message}[where]
        ):
            return version
    return ""


def parse(source: str) -> ast.Module:
    """A cell's syntax tree, whether or not it is plain Python; not to be changed.

    Raises:
        SyntaxError, ValueError, RuntimeError, MemoryError: ``UNREADABLE``; it is no
            Python, or too much for Python's own parser.
    """
    found = tree(source)
    return ast.parse(plain_python(source)) if found is None else found


@lru_cache(4096)
def names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a cell uses and does not bind itself, and those that it binds.

    Built-in names are left out of the first; the second are by assignment, def, class,
    import, for, …
    """
    try:
        table = symtable.symtable(plain_python(source), "cell", "exec")
    except UNREADABLE:
        return frozenset(), frozenset()
    bound = {
        s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()
    }
    used: set[str] = set()
    later: set[str] = set()  # bound when a function is called
    waiting = [table]
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        symbols = scope.get_symbols()
        used |= {s.get_name() for s in symbols if _is_global(s, scope)}
        later |= {
            s.get_name() for s in symbols if s.is_declared_global() and s.is_assigned()
        }
    return frozenset(used - bound - BUILT_IN), frozenset(bound | later)


def _is_global(symbol: symtable.Symbol, scope: symtable.SymbolTable) -> bool:
    top = scope.get_type() == "module"
    return symbol.is_referenced() and (top or symbol.is_global())


@lru_cache(4096)
def only_defines(source: str) -> bool:
    """Whether all that a cell does is to give names to functions, classes, constants."""
    try:
        found = tree(source)
        return found is not None and _all_definitions(found.body)
    except RecursionError:
        return False


@lru_cache(4096)
def defined(source: str) -> frozenset[str]:
    """The functions and classes that a cell defines at its top level."""
    try:
        body = ast.parse(source).body
    except UNREADABLE:
        return frozenset(re.findall(r"^(?:def|class)\s+(\w+)", source, re.M))
    kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in body if isinstance(node, kinds))


def _all_definitions(body: list[ast.stmt]) -> bool:
    return all(_is_definition(node) for node in body)


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        names = all(isinstance(target, ast.Name) for target in node.targets)
        return names and _is_still(node.value)
    if isinstance(node, ast.AnnAssign):
        name, value = isinstance(node.target, ast.Name), node.value
        still = value is None or _is_still(value)
        return name and still and _is_still(node.annotation, IN_ANNOTATIONS)
    if isinstance(node, ast.FunctionDef):
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        places = [part for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        said = filter(None, [node.returns, *(place.annotation for place in places)])
        still = all(_is_still(part, IN_ANNOTATIONS) for part in said)
        return _is_plain(node) and still and all(map(_is_still, defaults))
    if isinstance(node, ast.ClassDef):
        # a keyword is an argument of the metaclass, or the metaclass itself
        still = not node.keywords and all(map(_is_still, node.bases))
        return _is_plain(node) and still and _all_definitions(node.body)
    return False


def _is_plain(node: ast.FunctionDef | ast.ClassDef) -> bool:
    marks = node.decorator_list
    return all(isinstance(mark, ast.Name) and mark.id in HARMLESS for mark in marks)


def _is_still(value: ast.expr, more: tuple[type, ...] = ()) -> bool:
    """Whether to evaluate an expression calls nothing."""
    return all(isinstance(node, STILL + more) for node in ast.walk(value))
