"""Where to compute, and how to make random numbers repeat."""

import os
import random

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
    if torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


def seed_everything(seed: int = 0) -> torch.Generator:
    """Seed Python's, NumPy's and PyTorch's random numbers (all devices).

    Returns:
        A CPU generator seeded alike, for functions that take one
        (shuffling, sampling) and should not depend on what ran before.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)
