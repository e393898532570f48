"""Device choice, timing and seeding."""

import random
import time

import numpy as np
import pytest
import torch

from byhand import default_device, device, seconds, seed_everything


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


def test_seconds_are_those_of_the_shortest_run(monkeypatch):
    clock = 0.0
    durations = iter((5.0, 2.0, 3.0))

    def task():
        nonlocal clock
        clock += next(durations)

    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    assert seconds(task, repeats=3) == 2.0
    assert next(durations, None) is None  # three runs, and no other


def test_seconds_wait_for_an_accelerator(monkeypatch):
    done = []
    monkeypatch.setattr(device, "default_device", lambda: torch.device("cuda", 1))
    monkeypatch.setattr(torch.accelerator, "synchronize", done.append)
    assert 0 <= seconds(lambda: done.append("task"), repeats=1) < 60
    assert done == [torch.device("cuda", 1), "task", torch.device("cuda", 1)]


def test_seconds_of_no_run_are_refused():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        seconds(lambda: None, repeats=0)


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
