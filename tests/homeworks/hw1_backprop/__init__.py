"""Homework 1: what students get wrong, and what they get right in other ways."""

from tests.homeworks.hw1_backprop import (
    activations,
    linear,
    loss,
    mlp,
    numerical,
    train,
)

PARTS = (linear, activations, loss, numerical, mlp, train)
WRONG = [wrong for part in PARTS for wrong in part.WRONG]
RIGHT = [right for part in PARTS for right in part.RIGHT]
# tests that train a network: run only for the solutions that they are about
SLOW = {"accuracy_test"}
