"""What makes the commands start sooner, in one place: what each saves, when it may go.

Each of them leaves out work that no command needs. (The zygote, inside the sandbox, does
without the search for garbage as well: it may import nothing from here.)
"""

import atexit
import contextlib
import gc
import os
import sys
import types
from collections.abc import Iterator
from typing import NoReturn


def without_address_grammar() -> None:
    """Leave out a grammar of addresses: saves a second of each process with nbformat.

    `jsonschema` builds it with Lark when it is imported, to check strings of the format
    "uri" or "iri", of which a notebook's schema has none. It may go when jsonschema
    imports its format checkers only when one is used (seen in 4.26).
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def without_server_extensions() -> None:
    """Leave out nbgrader's extensions of the Jupyter server: half of its import.

    `nbgrader` imports them all in its `__init__`. It may go when that does not (seen in
    0.9.6).
    """
    for name in ("assignment_list", "course_list", "formgrader", "validate_assignment"):
        extension = types.ModuleType(f"nbgrader.server_extensions.{name}")
        vars(extension)["load_jupyter_server_extension"] = None
        sys.modules.setdefault(extension.__name__, extension)


def with_own_alembic() -> None:
    """Find a new gradebook's version in this process: saves a second of a course's first run.

    nbgrader starts the program `alembic`, which imports all of nbgrader once more. It may
    go when nbgrader asks the library (seen in 0.9.6).
    """
    from nbgrader import api
    from nbgrader.dbutil import ALEMBIC_DIR

    def newest() -> str | None:
        import alembic.config
        import alembic.script

        config = alembic.config.Config()
        config.set_main_option("script_location", ALEMBIC_DIR)
        return alembic.script.ScriptDirectory.from_config(config).get_current_head()

    api.get_alembic_version = newest


@contextlib.contextmanager
def no_search_for_garbage() -> Iterator[None]:
    """Import without it: there is none that is worth it, and they make many objects.

    What is there afterwards is never searched again. It may go when Python itself
    searches less while it imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def end(status: int) -> NoReturn:
    """End this process without what PyTorch's parts say about each other.

    Triton, which comes with torchvision, is loaded where the data set is downloaded; in
    an interpreter that takes itself down it lists all that it holds ("nanobind: leaked
    …"). It may go when Triton is quiet (seen in 3.9).
    """
    if "triton" in sys.modules:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
