"""A notebook's shell and magic lines, so that none of them stops a cell.

`byhand validate` and the grader's rooms prepare IPython alike: ``!pip install …``,
``%matplotlib widget``, ``%load_ext …`` or a magic that is not there print at most one
line, and what follows runs. Commands are not run: a room has no network, no terminal,
and nothing to install to. Magics that run Python (``%time``, ``%%capture``, …), and those
that only set something, work as ever.
"""

from typing import Any

from IPython.core.error import UsageError
from IPython.utils.text import SList

from byhand import standins
from byhand.cells import above_cell_magic

RUN_PYTHON = {"time", "timeit", "capture", "prun"}  # what that raises is the student's
SILENT = {  # for looks, or for a kernel that one works with
    *("matplotlib", "load_ext", "reload_ext", "unload_ext", "autoreload", "aimport"),
    *("pinfo", "pinfo2", "pdoc", "psource", "pfile", "gui", "colors"),
}
SKIPPED = {  # they run commands, wait for somebody, or look for files that are not here
    *("pip", "conda", "mamba", "micromamba", "uv", "debug", "pdb", "run", "edit"),
    *("load", "loadpy", "man", "more", "less", "page", "notebook", "logstart"),
    *("bash", "sh", "script", "perl", "ruby", "python", "python2", "python3", "pypy"),
    *("cmd", "system", "sx", "!"),
}


def prepare(shell: Any) -> None:
    """Have a shell (IPython's) go on after such lines, and put `byhand.standins` there."""
    standins.place()
    cleanups = shell.input_transformer_manager.cleanup_transforms
    if above_cell_magic in cleanups:
        return
    cleanups.append(above_cell_magic)
    line_magic, cell_magic = shell.run_line_magic, shell.run_cell_magic

    def run_line_magic(magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        def run() -> Any:
            return line_magic(
                magic_name, line, _stack_depth + 3
            )  # of run, _go_on, this

        return _go_on(magic_name, f"%{magic_name} {line}", run)

    def run_cell_magic(magic_name: str, line: str, cell: str) -> Any:
        def run() -> Any:
            return cell_magic(magic_name, line, cell)

        return _go_on(magic_name, f"%%{magic_name} {line}", run)

    def system(command: str) -> None:
        _say(f"!{command}")

    def getoutput(command: str, split: bool = True, depth: int = 0) -> Any:
        _say(f"!{command}")
        return SList() if split else ""

    shell.run_line_magic, shell.run_cell_magic = run_line_magic, run_cell_magic
    shell.system = shell.system_raw = shell.system_piped = system
    shell.getoutput = getoutput


def _go_on(name: str, text: str, run: Any) -> Any:
    if name in SILENT:
        return None
    if name in SKIPPED:
        return _say(text)
    try:
        return run()
    except UsageError:
        return _say(text)
    except Exception as error:
        if name in RUN_PYTHON:
            raise
        return _say(text, f" ({type(error).__name__})")


def _say(text: str, why: str = "") -> None:
    first = text.strip().partition("\n")[0]
    print(f"(skipped when graded{why}: {first[:100]})")
