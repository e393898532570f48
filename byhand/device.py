"""Where to compute, how long it took, and how to make random numbers repeat."""

import os
import random
import time
from collections.abc import Callable

import numpy as np
import torch


def default_device() -> torch.device:
    """The accelerator that PyTorch finds (CUDA, Apple's MPS, ...), else the CPU.

    The environment variable ``BYHAND_DEVICE`` (``cpu``, ``cuda:1``, ...) overrules
    the choice.

    Raises:
        ValueError: ``BYHAND_DEVICE`` names a device that is not here.

    Source: https://docs.pytorch.org/docs/stable/accelerator.html
    """
    wanted = os.environ.get("BYHAND_DEVICE")
    if wanted:
        try:
            device = torch.device(wanted)
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(
                f"BYHAND_DEVICE={wanted!r} cannot be used here ({error}). "
                "Unset it, or set it to 'cpu'."
            ) from error
        return device
    found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    return found or torch.device("cpu")


def seconds(task: Callable[[], object], repeats: int = 5) -> float:
    """The time that ``task()`` takes on the clock, in seconds.

    It is the shortest of several runs: the one that other programs, and the first
    run's preparations, disturbed least. An operation on an accelerator only *starts*
    when it is called, so the device of :func:`default_device` is waited for before
    the clock starts and before it stops.

    Args:
        task: what to measure; what it returns is dropped.
        repeats: how often to run it. 1 suits what can be done only once, training
            say.

    Raises:
        ValueError: ``repeats`` is less than 1.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}.")
    device = default_device()

    def wait() -> None:
        if device.type != "cpu":
            torch.accelerator.synchronize(device)

    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        task()
        wait()
        times.append(time.perf_counter() - start)
    return min(times)


def seed_everything(seed: int = 0) -> torch.Generator:
    """Seed Python's, NumPy's and PyTorch's random numbers (all devices).

    Args:
        seed: a whole number below 2⁶⁴; NumPy, which takes 32 bits, gets the rest of
            its division by 2³².

    Returns:
        A CPU generator seeded alike, for functions that take one
        (shuffling, sampling) and should not depend on what ran before.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)
