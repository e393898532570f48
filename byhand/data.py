"""Data sets: handwritten digits, and toy problems in the plane.

Where MNIST can be had (:mod:`byhand.mnist`), :func:`digits` gives that; otherwise
scikit-learn's 1,797 built-in digits, enlarged from 8×8 to 28×28, and says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from byhand.mnist import DataNotFoundError, mnist_folder

__all__ = [
    "DataNotFoundError",
    "Digits",
    "batches",
    "dataset",
    "digits",
    "toy",
]

TOY_SETS = ("circles", "xor", "spirals", "moons")


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, whole, as tensors on one device.

    Attributes:
        images: (N, 1, 28, 28) float32 in [0, 1], ink is 1.
        labels: (N,) int64 in 0..9.
        name: ``"MNIST"`` or ``"digits"`` (scikit-learn's, the offline default).
    """

    images: Tensor
    labels: Tensor
    name: str

    def __len__(self) -> int:
        return len(self.images)


def digits(split: str = "train", device: torch.device | str = "cpu") -> Digits:
    """All images of one split as one tensor on ``device``; batches are index slices.

    MNIST (60,000 train and 10,000 test images) if it can be had, else
    scikit-learn's digits (1,437 and 360) with a notice.

    Args:
        split: ``"train"`` or ``"test"``.
        device: where the tensors are to live.

    Raises:
        ValueError: ``split`` is something else.
        DataNotFoundError: ``$BYHAND_DATA`` is set, but holds no sound MNIST.
    """
    images, labels, name = _arrays(_check_split(split))
    return Digits(images.to(device), labels.to(device), name)


def dataset(split: str = "train", transform: Callable | None = None) -> Dataset:
    """The same digits as a torch ``Dataset`` of (image, label) pairs.

    This is the usual, per-image way; :func:`digits` is the fast one.

    Args:
        split: ``"train"`` or ``"test"``.
        transform: applied to each PIL image (28×28, grey); default: to a
            (1, 28, 28) float32 tensor in [0, 1]. Labels are int, 0 to 9.

    Raises:
        ValueError, DataNotFoundError: as :func:`digits`.

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.MNIST.html
    """
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    transform = transform or ToTensor()
    train = _check_split(split) == "train"
    root = mnist_folder()
    if root is not None:
        return MNIST(root, train=train, transform=transform, download=False)
    images, labels, _ = _arrays(split)
    return _ImageDataset(images, labels, transform)


def batches(
    *tensors: Tensor,
    batch_size: int,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[tuple[Tensor, ...]]:
    """One epoch of mini-batches of tensors that share their first dimension.

    Args:
        tensors: any number, each (N, ...), on one device.
        batch_size: rows in a batch; the last one may be smaller.
        shuffle: a new random order each time.
        generator: CPU generator for the order; default: PyTorch's own.
        drop_last: leave out a last, smaller batch.

    Yields:
        One batch of each tensor, (batch_size, ...): views if ``shuffle`` is false.

    Raises:
        ValueError: no tensors, different N, or a batch size below 1.
    """
    if not tensors:
        raise ValueError("batches() needs at least one tensor.")
    n = len(tensors[0])
    if any(len(t) != n for t in tensors):
        lengths = ", ".join(str(len(t)) for t in tensors)
        raise ValueError(f"The tensors have different lengths: {lengths}.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
    if shuffle:
        order = torch.randperm(n, generator=generator).to(tensors[0].device)
    stop = n - n % batch_size if drop_last else n
    for start in range(0, stop, batch_size):
        rows = slice(start, start + batch_size)
        yield tuple(t[order[rows]] if shuffle else t[rows] for t in tensors)


def toy(
    name: str, n: int = 400, noise: float = 0.1, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """A two-class problem in the plane.

    Args:
        name: ``"circles"`` (a disc inside a ring), ``"xor"`` (a grid of opposite
            quadrants), ``"spirals"`` or ``"moons"``.
        n: number of points, half in each class (class 0 has the odd one).
        noise: standard deviation of the points about their curve
            (``"xor"``: about their place).
        seed: the same seed gives the same points.

    Returns:
        X of shape (n, 2), float32, roughly within [-1.5, 1.5]²; y of shape (n,),
        int64, 0 or 1; in random order.

    Raises:
        ValueError: unknown name, ``n < 2`` or negative noise.
    """
    if name not in TOY_SETS:
        raise ValueError(
            f"Unknown toy set {name!r}: choose from {', '.join(TOY_SETS)}."
        )
    if n < 2:
        raise ValueError(f"n must be at least 2 (one point a class), not {n}.")
    if noise < 0:
        raise ValueError(f"noise is a standard deviation, not {noise}.")
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    if name == "circles":
        angle = rng.uniform(0, 2 * np.pi, n)
        radius = np.where(y == 1, 0.5 * np.sqrt(rng.uniform(0, 1, n)), 1.0)
        X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    elif name == "xor":
        X = rng.uniform(0.1, 1.2, (n, 2)) * rng.choice([-1, 1], (n, 1))
        X[:, 1] *= np.where(y == 1, -1, 1)
    elif name == "spirals":
        t = np.sqrt(rng.uniform(0.02, 1, n))
        angle = 1.75 * 2 * np.pi * t + np.pi * y
        X = 1.2 * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    else:
        angle = rng.uniform(0, np.pi, n)
        X = np.stack([np.cos(angle), np.sin(angle)], 1)
        X = np.where(y[:, None] == 1, [1, 0.5] - X, X) - [0.5, 0.25]
    X = X + rng.normal(0, noise, (n, 2))
    order = rng.permutation(n)
    return torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])


class _ImageDataset(Dataset):
    """(N, 1, 28, 28) images in [0, 1] as PIL images, the form transforms expect."""

    def __init__(self, images: Tensor, labels: Tensor, transform: Callable):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple:
        from torchvision.transforms.functional import to_pil_image

        return self.transform(to_pil_image(self.images[index])), int(self.labels[index])


def _check_split(split: str) -> str:
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', not {split!r}.")
    return split


@cache
def _arrays(split: str) -> tuple[Tensor, Tensor, str]:
    root = mnist_folder()
    if root is not None:
        # read here: importing torchvision takes as long as training some models
        prefix = root / "MNIST" / "raw" / ("train" if split == "train" else "t10k")
        pixels = _read_idx(f"{prefix}-images-idx3-ubyte", header=16)
        classes = _read_idx(f"{prefix}-labels-idx1-ubyte", header=8)
        images = torch.from_numpy(pixels).view(-1, 1, 28, 28).float().div_(255)
        return images, torch.from_numpy(classes).long(), "MNIST"
    images, labels = built_in_digits()
    stop = len(images) * 4 // 5
    rows = slice(None, stop) if split == "train" else slice(stop, None)
    return images[rows], labels[rows], "digits"


def _read_idx(path: str, header: int) -> np.ndarray:
    """The bytes after the header of a file in MNIST's format, as uint8."""
    return np.memmap(path, dtype=np.uint8, mode="c", offset=header)


def built_in_digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1,797 digits: images (N, 1, 28, 28) in [0, 1], labels (N,)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()  # (1797, 8, 8) in 0..16
    small = torch.tensor(bunch.images / 16, dtype=torch.float32).unsqueeze(1)
    # 8×8 to 20×20 in a border of 4, as MNIST's digits stand in theirs
    large = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = F.pad(large.clamp(0, 1), (4, 4, 4, 4))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return images[order], torch.tensor(bunch.target, dtype=torch.int64)[order]
