"""The library of *Deep Learning by Hand*: what its chapters and homeworks share.

- :mod:`byhand.device`  where to compute, and reproducible random numbers
- :mod:`byhand.data`    MNIST (or the offline digits) and toy data in the plane
- :mod:`byhand.plots`   figures that read well in light and dark, in colour or without
- :mod:`byhand.check`   is what I built right? closeness, gradients, equality to torch
- :mod:`byhand.practice`  is my layer right? the smallest case that fails, drawn
- :mod:`byhand.prose`   sentences whose numbers are computed
"""

from byhand import check, data, plots, practice
from byhand.device import default_device, seed_everything
from byhand.plots import use_style
from byhand.prose import say

__all__ = [
    "check",
    "data",
    "default_device",
    "plots",
    "practice",
    "say",
    "seed_everything",
    "use_style",
]
