"""Install what the course needs and a machine lacks; PyTorch is left as it is.

The first cell of every chapter and homework calls this. Colab, say, has all but two or
three of these, and a PyTorch of its own that must stay.
"""

import importlib
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec

# What `import` calls them, and what PyPI does: the dependencies of pyproject.toml.
PYTORCH = {"torch": "torch", "torchvision": "torchvision"}
ON_PYTORCH = {"torchview": "torchview", "torchviz": "torchviz"}
LIGHT = {
    "anywidget": "anywidget",
    "graphviz": "graphviz",
    "ipykernel": "ipykernel",
    "matplotlib": "matplotlib",
    "nbclient": "nbclient",
    "nbformat": "nbformat",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
}


def install_missing() -> None:
    """Install the packages that are not there, by pip; nothing else is changed.

    Takes milliseconds, and prints nothing, when all is there.

    Raises:
        SystemExit: PyTorch is not there, or pip cannot install; its message is a
            sentence that says what to do. (A cell ends with that sentence alone.)
    """
    if missing(PYTORCH):
        raise SystemExit(
            "PyTorch is missing: install torch and torchvision as "
            "https://pytorch.org/get-started/locally/ says, then run this cell again."
        )
    light, on_pytorch = missing(LIGHT), missing(ON_PYTORCH)
    # Apart, since these would bring another PyTorch where its record is not found.
    for names, options in ((light, []), (on_pytorch, ["--no-deps"])):
        if names:
            pip_install(names, options)
    importlib.invalidate_caches()


def missing(packages: dict[str, str]) -> list[str]:
    """Return PyPI's names of those that cannot be imported; none is imported."""
    return [name for module, name in packages.items() if find_spec(module) is None]


def pip_install(names: Iterable[str], options: Iterable[str]) -> None:
    """Let pip install packages, without a word.

    Raises:
        SystemExit: it could not.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries=1"]
    if subprocess.run([*pip, *options, *names], capture_output=True).returncode:
        raise SystemExit(
            f"The course also needs {', '.join(names)}: go online and run this cell "
            f"again, or type `pip install {' '.join([*options, *names])}` in a terminal."
        )
