"""Stand-ins for modules that only show something: tqdm, google.colab, ipympl.

A notebook from Colab, or one with a progress bar, runs without them as it would with
them. :func:`place` is called before a student's cells run, by `byhand validate` and in
the grader's rooms; a module that is installed is left alone.
"""

import importlib.util
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from typing import Any


class Nothing:
    """Whatever is asked of it, it does nothing and returns nothing of use."""

    def __call__(self, *_, **__):
        return self

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False


class tqdm:
    """A progress bar that shows nothing: to go through it is to go through what it holds."""

    def __init__(self, iterable: Iterable[Any] | None = None, *_, total=None, **__):
        self.iterable, self.total, self.n = iterable, total, 0
        self.disable = True

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable if self.iterable is not None else ():
            yield item
            self.n += 1

    def __len__(self) -> int:
        return self.total if self.iterable is None else len(self.iterable)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self, n=1):
        self.n += n

    @staticmethod
    def write(text: object = "", *_, **__) -> None:
        print(text)

    @classmethod
    def pandas(cls, *_, **__) -> None:
        """Nothing: there is no bar to put into pandas."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def trange(*args: int, **_) -> tqdm:
    return tqdm(range(*args))


def _tenumerate(iterable: Iterable[Any], start: int = 0, **_) -> Iterator[Any]:
    return enumerate(iterable, start)


def _map(function: Callable, *iterables: Iterable[Any], **_) -> list[Any]:
    return list(map(function, *iterables))


BARS: dict[str, Any] = {
    **dict.fromkeys(("tqdm", "tqdm_notebook", "tqdm_gui", "tqdm_asyncio"), tqdm),
    **dict.fromkeys(("trange", "tnrange", "tgrange", "tarange"), trange),
    **dict.fromkeys(("process_map", "thread_map"), _map),
    **{"tenumerate": _tenumerate, "tzip": zip, "tmap": map, "TqdmWarning": Warning},
}
COLAB = ("drive", "output", "widgets", "data_table", "auth", "userdata", "patches")
TQDM = ("notebook", "auto", "autonotebook", "std", "asyncio", "rich", "gui", "contrib")
# what a module holds, by its full name; all else that it is asked for does nothing
MODULES: dict[str, dict[str, Any]] = {
    "tqdm": BARS,
    **{f"tqdm.{part}": BARS for part in (*TQDM, "contrib.concurrent")},
    **{name: {} for name in ("ipympl", "ipympl.backend_nbagg")},
    **{name: {} for name in ("google", "google.colab")},
    **{f"google.colab.{part}": {} for part in COLAB},
    # what would have been uploaded: no file
    "google.colab.files": {"upload": lambda *_, **__: {}},
}


class _Module(types.ModuleType):
    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


def place() -> None:
    """Put the stand-ins where imports look first."""
    missing = {root: not _is_here(root) for root in ("tqdm", "google.colab", "ipympl")}
    missing["tqdm.notebook"] = not _is_here("ipywidgets")  # of the real one's parts
    for name, held in MODULES.items():
        root = "google.colab" if name.startswith("google.") else name.split(".")[0]
        wanted = missing.get(name) or missing.get(root, name not in sys.modules)
        if name in sys.modules or not wanted or (name == "google" and _is_here(name)):
            continue
        module = _Module(name, "A stand-in that shows nothing (byhand.standins).")
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        module.__path__ = []
        vars(module).update(held)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], last, module)


def _is_here(name: str) -> bool:
    if name in sys.modules:
        return not isinstance(sys.modules[name], _Module)
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
