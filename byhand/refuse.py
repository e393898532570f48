"""Refuses what an exercise forbids ("by hand"), by what really runs.

Nothing is refused because of its name in a cell: only what is executed between
:meth:`Refusal.start` and :meth:`Refusal.stop`, that is while a test runs, counts.

- **Operators.** Whatever of PyTorch computes anything ends in an operator of its
  dispatcher, under whatever name and from whatever thread it was called. Kernels that
  raise take the place of the forbidden ones there
  (https://docs.pytorch.org/docs/stable/library.html).
- **Functions in Python** (``torch.optim``, ``torch.nn.utils``, …) get another code
  object, so that whoever has kept a reference to one has the refused one.
- **Derivatives.** Where ``torch.autograd`` is forbidden, its engine is
  (:func:`end_at_backward`), and dual numbers with it.
- **Compiled functions of other libraries** (``scipy.special.expit``) are replaced
  wherever they are kept.

A pattern is one of `byhand.banned`; an operator is named by a word that its name holds.
"""

import collections
import ctypes
import functools
import gc
import inspect
import sys
import types
import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

DUAL = ("_make_dual", "_fw_primal")  # derivatives by dual numbers, without the engine
# what makes a tensor of another layout, which has kernels of its own
LAYOUTS = (
    *("to_mkldnn", "_to_sparse", "sparse_coo_tensor", "sparse_compressed_tensor"),
    *("quantize_per", "_nested_tensor", "nested_tensor_from"),
)
# PyTorch's own twins of all operators in Python: what is meant is those of the words
TWINS = ("torch._refs.", "torch._decomp.")
KEY = "CPU"  # where a kernel is looked up for an ordinary tensor of this machine
# of a class in a forbidden module; the rest of its special methods hide no answer
SPECIAL = ("__init__", "__call__", "__iter__")
# they switch derivatives on and off, as PyTorch itself does all the time
SWITCHES = ("torch.autograd", "torch.enable_grad", "torch.set_grad_enabled")
MAPS = Path("/proc/self/maps")
ENGINE = "_ZN5torch8autograd23set_default_engine_stubEPFRNS0_6EngineEvE"


class NotAllowed(Exception):
    """Something forbidden was called while a test ran."""


class Refusal:
    """What is refused while a test runs.

    Args:
        patterns: dotted names of functions, classes and modules (``torch.optim``); those
            that begin with a dot concern readers alone.
        operators: words; an operator whose name holds one is refused (``relu``).
        called: is told when something forbidden is called, before that raises.
    """

    def __init__(
        self,
        patterns: Iterable[str],
        operators: Iterable[str] = (),
        called: Callable[[], object] = lambda: None,
    ):
        self.patterns = tuple(p for p in patterns if not p.startswith("."))
        self.derivatives = "torch.autograd" not in self.patterns
        self.words = words = tuple(operators)
        if words:
            words += LAYOUTS
        if not self.derivatives:
            words += DUAL
        self.operators = _operators(words)
        self._seen: set[str] = set()  # names of modules
        self._state: tuple[int, str, int] | None = None  # of what is loaded
        self._called = called
        self._started = False
        self._functions: dict[types.FunctionType, types.CodeType] = {}
        self._compiled: dict[int, tuple[Any, Callable[..., Any]]] = {}  # by id
        self._refused: list[types.FunctionType] = []
        self._codes = array(
            "Q"
        )  # where their own code lies: an address is no way to it
        self._libraries: list[Any] = []
        self.kept = ""  # what holds a compiled function so that it cannot be replaced

    def find(self) -> None:
        """Look for what is forbidden among the modules that are loaded by now."""
        # which takes a process that was just forked milliseconds, in copied pages
        state = len(sys.modules), next(reversed(sys.modules)), times_loaded()
        if state == self._state:
            return
        self._state = state
        new = {n: m for n, m in sys.modules.copy().items() if n not in self._seen}
        self._seen.update(new)
        for thing, said in _forbidden(self.patterns, new):
            if said.startswith(TWINS) and not any(word in said for word in self.words):
                continue
            if not isinstance(thing, types.FunctionType):
                refusing = thing, self._refusing(said)
                self._compiled.setdefault(id(thing), refusing)
            elif thing not in self._functions:
                self._functions[thing] = _refusing_code(
                    thing.__code__, self._refusing(said)
                )

    def start(self) -> None:
        """From now on, raise :class:`NotAllowed` wherever something forbidden runs."""
        self.start_within_pytorch()
        if self._compiled and (kept := _replace(self._compiled)):
            self.kept = type(kept[0]).__name__

    def start_within_pytorch(self) -> None:
        """The same, but for compiled functions of other libraries."""
        self.find()
        if not self._started:
            self._started = True
            self._refuse_operators()
        for function in list(self._functions)[len(self._refused) :]:
            code = function.__code__
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
            self._refused.append(function)
            self._codes.append(id(code))
            function.__code__ = self._functions[function]

    def stop(self) -> None:
        """Let all of PyTorch run again. (Compiled functions stay refused.)"""
        self._libraries.clear()  # which takes the kernels away
        for function, address in zip(self._refused, self._codes, strict=True):
            code = ctypes.cast(address, ctypes.py_object)
            function.__code__ = code.value
            ctypes.pythonapi.Py_DecRef(code)
        self._refused.clear()
        self._codes = array("Q")
        self._started = False

    def keep(self) -> None:
        """Make it final: what there was before is let go of for good."""
        for library in self._libraries:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
        self._libraries.clear()
        for place in range(len(self._codes)):
            self._codes[place] = 0

    def _refusing(self, said: str) -> Callable[..., Any]:
        def refused(*_, **__):
            self._called()
            raise NotAllowed(f"{said} is not allowed in this exercise")

        return refused

    def _refuse_operators(self) -> None:
        import torch

        for namespace, names in self.operators.items():
            library = torch._C._dispatch_library("IMPL", namespace, KEY)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there is a kernel is the point
                for name in names:
                    said = f"PyTorch's {name.partition('.')[0].strip('_')}"
                    library.impl(name, KEY, self._refusing(said))
            self._libraries.append(library)


def end_at_backward(final: Callable[[], object]) -> Any:
    """Have autograd's engine end this process; there is no way back.

    Args:
        final: called first, to say why.

    Returns: what must be kept as long as the process lives; None where this PyTorch does
        not offer it.
    """
    import torch

    path = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        if (path / name).exists():
            place = getattr(ctypes.CDLL(str(path / name)), ENGINE, None)
            if place is not None:
                kind = ctypes.CFUNCTYPE(ctypes.c_void_p)
                callback = kind(final)
                place.argtypes, place.restype = [kind], None
                place(callback)
                return callback
    return None


class _Library(ctypes.Structure):
    """The head of glibc's ``struct dl_phdr_info`` (dl_iterate_phdr(3))."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("count", ctypes.c_uint16),
        ("loaded", ctypes.c_ulonglong),
    )


def times_loaded() -> int:
    """How often the system has loaded a library into this process; 0 if unknown."""
    found = 0

    @ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p
    )
    def first(library, _size, _data):
        nonlocal found
        found = library.contents.loaded
        return 1

    if MAPS.exists():
        ctypes.CDLL(None).dl_iterate_phdr(first, None)
    return found


def _operators(words: tuple[str, ...]) -> dict[str, list[str]]:
    """The operators that there are with one of these words, by name space."""
    found: dict[str, list[str]] = {}
    if not words:
        return found
    import torch

    computed = torch._C._dispatch_has_computed_kernel_for_dispatch_key
    for full in torch._C._dispatch_get_all_op_names():
        namespace, _, name = full.partition("::")
        base = name.partition(".")[0]
        if not any(word in base for word in words):
            continue
        if not computed(full, KEY):
            continue  # it fails by itself
        found.setdefault(namespace, []).append(name)
    return found


def _refusing_code(code: types.CodeType, refused: Callable) -> types.CodeType:
    """Code that raises, for a function that had this code; it looks the same."""
    taken = code.co_argcount + code.co_kwonlyargcount
    stars = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    taken += stars.bit_count()
    return _TEMPLATE.replace(
        co_consts=tuple(
            refused if const == _MARK else const for const in _TEMPLATE.co_consts
        ),
        co_argcount=code.co_argcount,
        co_posonlyargcount=code.co_posonlyargcount,
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_nlocals=taken,
        co_varnames=code.co_varnames[:taken],
        co_flags=_TEMPLATE.co_flags | stars,
        co_freevars=code.co_freevars,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )


_MARK = "in whose place stands what raises"
with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)  # text cannot be called, indeed
    _spaces: dict[str, Any] = {}
    exec(f"def template():\n    return {_MARK!r}()", _spaces)
_TEMPLATE: types.CodeType = _spaces["template"].__code__


def _forbidden(
    patterns: tuple[str, ...], new: dict[str, types.ModuleType]
) -> Iterator[tuple[Any, str]]:
    """Functions of Python, and others that are no part of PyTorch, with what to say.

    Args:
        new: the modules to look at.
    """
    for pattern in patterns:
        if pattern in SWITCHES:
            continue
        thing = _loaded(pattern)
        if isinstance(thing, types.ModuleType):
            for name, module in new.items():
                if f"{name}.".startswith(f"{pattern}.") and _is_module(module):
                    yield from _of_module(module, pattern)
        elif thing is not None:
            yield from _of_thing(thing, pattern)


def _loaded(name: str) -> Any:
    """What is meant, if it has been imported by now."""
    if name in sys.modules:
        return sys.modules[name]
    module, _, last = name.rpartition(".")
    owner = _loaded(module) if module else None
    if _is_module(owner):  # asked for an attribute, it may import what is meant
        return vars(owner).get(last)
    return None if owner is None else vars(owner).get(last, getattr(owner, last, None))


def _of_module(module: types.ModuleType, pattern: str) -> Iterator[tuple[Any, str]]:
    listed = set(getattr(module, "__all__", ()))
    passed_on = vars(sys.modules["numpy"]) if "numpy" in sys.modules else {}
    for name, thing in list(vars(module).items()):
        home = getattr(thing, "__module__", None)
        own = isinstance(home, str) and f"{home}.".startswith(f"{pattern}.")
        public = not name.startswith("_")
        if name in passed_on and passed_on[name] is thing:
            continue  # passed on from NumPy, which is not what is meant
        if (
            own
            or name in listed
            or (public and not isinstance(thing, type) and not home)
        ):
            yield from _of_thing(thing, f"{module.__name__}.{name}")


def _of_thing(thing: Any, said: str) -> Iterator[tuple[Any, str]]:
    if isinstance(thing, types.FunctionType):
        yield thing, said
    elif isinstance(thing, type):
        if _is_layer(thing):  # what it computes ends in a function or an operator
            return
        for name, part in list(vars(thing).items()):
            if isinstance(part, (staticmethod, classmethod)):
                part = part.__func__
            special = name.startswith("__") and name not in SPECIAL
            own = getattr(part, "__module__", "") == thing.__module__
            if isinstance(part, types.FunctionType) and own and not special:
                yield part, said
    elif callable(thing) and not said.startswith("torch.") and not _is_module(thing):
        yield thing, said


def _is_layer(kind: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(kind, (torch.nn.Module, torch.Tensor))


def _is_module(thing: Any) -> bool:
    return isinstance(thing, types.ModuleType)


def _replace(replacements: dict[int, tuple[Any, Callable[..., Any]]]) -> list[Any]:
    """Put others in the place of these objects, wherever they are kept.

    Returns: what keeps them all the same.
    """
    things = [thing for thing, _ in replacements.values()]
    own = {id(things), id(replacements), *map(id, replacements.values())}
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType):
            _replace_in(vars(module), replacements)
    keepers = [k for k in gc.get_referrers(*things) if id(k) not in own]
    for keeper in keepers:
        if isinstance(keeper, dict):
            _replace_in(keeper, replacements)
        elif isinstance(keeper, (list, collections.deque)):
            for place, value in enumerate(keeper):
                if id(value) in replacements:
                    keeper[place] = replacements[id(value)][1]
        elif isinstance(keeper, set):
            for value in [v for v in keeper if id(v) in replacements]:
                keeper.remove(value)
                keeper.add(replacements[id(value)][1])
        elif isinstance(keeper, tuple):
            _replace_in_tuple(keeper, replacements)
        elif isinstance(keeper, types.CellType):
            keeper.cell_contents = replacements[id(keeper.cell_contents)][1]
        elif isinstance(keeper, functools.partial):
            held: Any = keeper  # whose methods for pickling are not declared
            function, *rest = held.__reduce__()[2]
            if id(function) in replacements:
                held.__setstate__((replacements[id(function)][1], *rest))
        elif hasattr(keeper, "__dict__") and not isinstance(keeper, type):
            _replace_in(vars(keeper), replacements)
    return [
        k for k in keepers if any(id(r) in replacements for r in gc.get_referents(k))
    ]


def _replace_in_tuple(
    keeper: tuple, replacements: dict[int, tuple[Any, Callable]]
) -> None:
    """What Python does not offer, for tuples do not change."""
    for place, value in enumerate(keeper):
        if id(value) in replacements:
            new = replacements[id(value)][1]
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(new))
            size = ctypes.sizeof(ctypes.c_void_p)
            address = id(keeper) + tuple.__basicsize__ + place * size
            ctypes.c_void_p.from_address(address).value = id(new)


def _replace_in(names: dict, replacements: dict[int, tuple[Any, Callable]]) -> None:
    for name, value in list(names.items()):
        if id(name) in replacements and name is replacements[id(name)][0]:
            del names[name]
            names[replacements[id(name)][1]] = value
        if id(value) in replacements and value is replacements[id(value)][0]:
            names[name] = replacements[id(value)][1]
