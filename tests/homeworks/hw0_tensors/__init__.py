"""Homework 0: what students get wrong, and what they get right in other ways."""

from tests.homeworks.hw0_tensors import (
    distances,
    fit,
    gradient,
    gradients,
    minibatches,
    mix,
    patches,
    positions,
    standardise,
)

PARTS = (
    patches,
    standardise,
    distances,
    mix,
    gradient,
    gradients,
    fit,
    positions,
    minibatches,
)
WRONG = [wrong for part in PARTS for wrong in part.WRONG]
RIGHT = [right for part in PARTS for right in part.RIGHT]
SLOW = set()
