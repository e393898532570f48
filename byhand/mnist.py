"""Where MNIST is: without PyTorch, which takes seconds to import.

It is looked for in ``$BYHAND_DATA``, then in the cache (``~/.cache/byhand``), then
downloaded there with its checksum verified.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

# md5 of the uncompressed files, so that files put there by hand are checked too
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


# set by a process for those that it starts: it has looked, and found this folder sound
# (or, if empty, none, and has said so)
SOUND = "BYHAND_DATA_SOUND"


class DataNotFoundError(FileNotFoundError):
    """MNIST is not where it was looked for, or is damaged."""


def data_root() -> Path:
    """Folder whose ``MNIST/raw`` is to hold the files: ``$BYHAND_DATA``, or the cache."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "byhand"
    return Path(os.environ.get("BYHAND_DATA") or cache_folder).expanduser()


def is_there() -> bool:
    """Whether the four files are in :func:`data_root`; they are not read to ask."""
    raw = data_root() / "MNIST" / "raw"
    return all((raw / name).exists() for name in MNIST_MD5)


@cache
def mnist_folder() -> Path | None:
    """Folder that holds a sound MNIST in torchvision's layout, or None (offline).

    The files are verified once in a process. Where there are none in the cache, they
    are downloaded, unless ``BYHAND_OFFLINE`` is 1; what is done instead is printed.

    Raises:
        DataNotFoundError: ``$BYHAND_DATA`` is set, but holds no sound MNIST.
    """
    root, given = data_root(), os.environ.get("BYHAND_DATA")
    if given:
        problem = None if os.environ.get(SOUND) == given else _problem(root)
        if problem:
            raise DataNotFoundError(
                f"BYHAND_DATA={given} {problem}. It must hold the four MNIST files in "
                "MNIST/raw, as torchvision lays them out. Unset BYHAND_DATA to "
                "download them, or to use the built-in digits without internet."
            )
        return root
    if not _problem(root):
        return root
    if os.environ.get("BYHAND_OFFLINE") != "1":
        try:
            from torchvision.datasets import MNIST

            with _timeout(10):
                MNIST(root, train=True, download=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: all mirrors failed
            print(f"MNIST could not be downloaded ({error}).", file=sys.stderr)
        else:
            problem = _problem(root)
            if not problem:
                return root
            print(f"MNIST in {root} {problem}: delete it.", file=sys.stderr)
    if os.environ.get(SOUND) == "":
        return None
    print(
        "Using scikit-learn's 1,797 built-in digits at 28×28 instead of MNIST: "
        "everything runs, with other numbers than the published book's. "
        "For MNIST, connect to the internet or set BYHAND_DATA to a folder that "
        "holds MNIST/raw."
    )
    return None


def _problem(root: Path) -> str | None:
    """What is wrong with the MNIST files below ``root``; None if nothing is."""
    for name, md5 in MNIST_MD5.items():
        path = root / "MNIST" / "raw" / name
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "md5").hexdigest() != md5:
                    return f"has a damaged file {name}"
        except OSError:
            return f"lacks the file {name}"
    return None


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Give up on a network that does not answer; restored afterwards."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
