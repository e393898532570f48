"""Device choice and seeding."""

import random

import numpy as np
import pytest
import torch

from byhand import default_device, seed_everything


def test_default_device_can_be_used():
    device = default_device()
    assert torch.ones(2, device=device).sum().item() == 2


def test_device_is_the_accelerator_where_there_is_one(monkeypatch):
    monkeypatch.delenv("BYHAND_DEVICE", raising=False)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda: torch.device("mps")
    )
    assert default_device() == torch.device("mps")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert default_device() == torch.device("cpu")


def test_environment_overrules_the_device(monkeypatch):
    monkeypatch.setenv("BYHAND_DEVICE", "cpu")
    assert default_device() == torch.device("cpu")
    for wrong in ("cuda:99", "abacus"):
        monkeypatch.setenv("BYHAND_DEVICE", wrong)
        with pytest.raises(ValueError, match="BYHAND_DEVICE"):
            default_device()


def test_seeding_repeats_every_source_of_random_numbers():
    def draw():
        generator = seed_everything(7)
        return [
            random.random(),
            np.random.rand(),
            torch.rand(1).item(),
            torch.rand(1, generator=generator).item(),
        ]

    first = draw()
    assert draw() == first
    seed_everything(8)
    assert torch.rand(1).item() != first[2]
