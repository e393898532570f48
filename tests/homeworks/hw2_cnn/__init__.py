"""Homework 2: what students get wrong, and what they get right in other ways."""

from tests.homeworks.hw2_cnn import (
    batch_norm,
    cnn,
    conv_backward,
    conv_forward,
    dropout,
    he_init,
    max_pool,
    output_size,
    residual_block,
    train,
)

PARTS = (
    output_size,
    conv_forward,
    conv_backward,
    max_pool,
    batch_norm,
    dropout,
    he_init,
    residual_block,
    cnn,
    train,
)
WRONG = [wrong for part in PARTS for wrong in part.WRONG]
RIGHT = [right for part in PARTS for right in part.RIGHT]
# tests that train a network: run only for the solutions that they are about
SLOW = {"accuracy_test"}
