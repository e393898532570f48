"""The library of *Deep Learning by Hand*: what its chapters and homeworks share.

- :mod:`byhand.device`  where to compute, how long it took, reproducible random numbers
- :mod:`byhand.data`    MNIST (or the offline digits) and toy data in the plane
- :mod:`byhand.plots`   figures that read well in light and dark, in colour or without
- :mod:`byhand.figures` figures that respond, in the book and in notebooks
- :mod:`byhand.check`   is what I built right? closeness, gradients, equality to torch
- :mod:`byhand.practice`  is my layer right? the smallest case that fails, drawn
- :mod:`byhand.prose`   sentences whose numbers are computed
- :mod:`byhand.missing` what a machine lacks, installed
"""

import importlib

MODULES = ("check", "data", "figures", "plots", "practice")
FUNCTIONS = {
    "default_device": "device",
    "install_missing": "missing",
    "say": "prose",
    "seconds": "device",
    "seed_everything": "device",
    "use_style": "plots",
}

__all__ = [*MODULES, *FUNCTIONS]


def __getattr__(name: str) -> object:
    """Import what is asked for: PyTorch and Matplotlib take seconds."""
    if name in MODULES:
        return importlib.import_module(f"byhand.{name}")
    if name in FUNCTIONS:
        module = importlib.import_module(f"byhand.{FUNCTIONS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'byhand' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
