"""Read files that others have made, and write files that are never half there."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from grader.errors import Refused

MAX_BYTES = 50_000_000  # a notebook larger than that has outputs to be cleared


def read(
    path: PurePath | str, folder: int | None = None
) -> tuple[bytes, os.stat_result]:
    """The bytes of an ordinary file of bearable size, and what the system says of it.

    A link is not followed, at no place on the way from ``folder``, which is an open
    folder's number; one could point at the solutions.

    Raises:
        Refused: it is something else, or too large.
        OSError: it is not there, or cannot be read.
    """
    with _way(path, folder) as (name, place), _open(name, place) as (number, about):
        check_size(about.st_size)
        with open(number, "rb", closefd=False) as file:
            return file.read(MAX_BYTES), about


@contextlib.contextmanager
def opened(
    path: PurePath | str, folder: int | None, most: int
) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """An ordinary file, to be read piece by piece; otherwise as :func:`read`.

    Raises:
        Refused: it is something else, or has more bytes than that.
    """
    with _way(path, folder) as (name, place), _open(name, place) as (number, about):
        if about.st_size > most:
            raise Refused(
                f"the archive has {about.st_size / 1e6:.0f} MB: hand in the notebook alone"
            )
        with open(number, "rb", closefd=False) as file:
            yield file, about


@contextlib.contextmanager
def _way(path: PurePath | str, folder: int | None) -> Iterator[tuple[str, int | None]]:
    """A file's name and the folder that it lies in, by no link from ``folder``."""
    if folder is None:
        yield str(path), None
        return
    *parents, name = Path(path).parts
    numbers: list[int] = []
    try:
        for part in parents:
            numbers.append(open_folder(part, numbers[-1] if numbers else folder))
        yield name, numbers[-1] if numbers else folder
    finally:
        for number in numbers:
            os.close(number)


def open_folder(path: PurePath | str, folder: int | None = None) -> int:
    """Open a folder that is no link; its number, to be closed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(path, flags, dir_fd=folder)
    except OSError as error:
        raise _refused(error) from None


@contextlib.contextmanager
def _open(name: str, folder: int | None) -> Iterator[tuple[int, os.stat_result]]:
    # O_NONBLOCK: a named pipe would keep us waiting
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        number = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise _refused(error) from None
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            kind = "folder" if stat.S_ISDIR(about.st_mode) else "device or pipe"
            raise Refused(f"{Path(name).name} is a {kind}, not a file")
        yield number, about
    finally:
        os.close(number)


def _refused(error: OSError) -> Exception:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Refused("it is a link: put the file itself there")
    return error


def check_size(size: int) -> None:
    """Raises Refused: a notebook of so many bytes is too large."""
    if size > MAX_BYTES:
        raise Refused(
            f"the notebook has {size / 1e6:.0f} MB: its outputs are too large"
        )


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A folder for unfinished work, on the same disk; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as path:
        yield Path(path)


def write(path: Path, content: str | bytes, sure: bool = True) -> None:
    """Write a file so that it is there in full, or as it was before.

    Args:
        sure: also should the machine go down in the next seconds, which takes a while
            on some disks. Needless for what can be found out again.
    """
    content = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            if sure:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
