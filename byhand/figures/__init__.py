"""Figures that respond: what a chapter computes, to be moved by its reader.

Each is a class here and, beside it, one module that a browser runs; ``kit.js`` and
``kit.css`` are what the modules share, ``network.js`` is a network that trains.
:class:`byhand.figures.figure.Figure` says how they are put together; CONTRIBUTING,
how to add one.
"""

from byhand.figures.activations import Activations
from byhand.figures.backprop import Backprop
from byhand.figures.batch_norm import BatchNorm
from byhand.figures.convolution import Convolution
from byhand.figures.depth import Depth
from byhand.figures.double_descent import DoubleDescent
from byhand.figures.hinges import Hinges
from byhand.figures.latent_plane import LatentPlane
from byhand.figures.modes import Modes
from byhand.figures.playground import Playground
from byhand.figures.race import Race
from byhand.figures.sees import Sees
from byhand.figures.softmax import Softmax
from byhand.figures.strides import Strides
from byhand.figures.surface import LossSurface

__all__ = [
    "Activations",
    "Backprop",
    "BatchNorm",
    "Convolution",
    "Depth",
    "DoubleDescent",
    "Hinges",
    "LatentPlane",
    "LossSurface",
    "Modes",
    "Playground",
    "Race",
    "Sees",
    "Softmax",
    "Strides",
]
