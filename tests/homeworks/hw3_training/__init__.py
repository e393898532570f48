"""Homework 3: what students get wrong, and what they get right in other ways."""

from tests.homeworks.hw3_training import (
    loop,
    optimisers,
    schedule,
    terms,
    trainer,
    vaes,
)

PARTS = (optimisers, schedule, loop, trainer, terms, vaes)
WRONG = [wrong for part in PARTS for wrong in part.WRONG]
RIGHT = [right for part in PARTS for right in part.RIGHT]
# tests that train a network: run only for the solutions that they are about
SLOW = {"resume_test", "vae_training_test", "cvae_training_test"}
