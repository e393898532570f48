"""What crosses between the judge and a room: plain data, by exact type, and bounded.

A message is a JSON tree with the bytes of its tensors behind it. Nothing that comes in
is ever unpickled, evaluated or looked up by name; what is malformed or too large raises
:class:`WireError`.

    frame := length of the tree (4 bytes) · length of the bytes (8 bytes) · tree · bytes

A new plain type is a branch in ``_tree`` and one in ``_build``, and a case of
``tests/test_wire.py``.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import torch

MAX_TREE = 16_000_000  # bytes of JSON in one message
MAX_BYTES = 512_000_000  # bytes of tensors in one message
MAX_DIMS = 16
MAX_PARTS = 20_000  # tensors and arrays in one message
# keys that are not text, in one message: their hashes can be made to agree
MAX_KEYS = 10_000
MAX_DIGITS = 3_500  # of a whole number, in base 16: what can be printed
HEAD = struct.Struct("!IQ")
JSON = json.JSONEncoder(separators=(",", ":"))
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
        *(torch.complex64, torch.complex128),
    )
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
NOT_IN_NUMPY = {torch.bfloat16}
ARRAYS = {np.dtype(name).str for name in DTYPES if name != "bfloat16"}


class WireError(Exception):
    """The other side broke the rules of the wire, or fell silent."""


class Handle:
    """Stands for an object that stays where it is, on the room's side of the door.

    Args:
        number: by which the room knows it.
        kind: name of its type, for messages.
        callable: whether it can be called.
    """

    __slots__ = ("callable", "kind", "number")

    def __init__(self, number: int, kind: str = "", callable: bool = False):
        self.number, self.kind, self.callable = number, kind, callable


Other = Callable[[Any], Handle]


def pack(value: object, other: Other | None = None) -> bytes:
    """The message that carries ``value``.

    Args:
        other: called with whatever is not plain data; returns a :class:`Handle` for
            it, or raises TypeError. Default: raise TypeError.

    Raises:
        TypeError: there is something in it that is no plain data.
        WireError: it is too large.
    """
    chunks: list[bytes] = []
    tree = JSON.encode(_tree(value, chunks, other)).encode()
    size = sum(map(len, chunks))
    if len(tree) > MAX_TREE or size > MAX_BYTES:
        mb = max(len(tree), size) / 1e6
        raise WireError(f"the value is too large to hand over ({mb:,.0f} MB)")
    return b"".join([HEAD.pack(len(tree), size), tree, *chunks])


def unpack(tree: bytes, data: memoryview) -> Any:
    """The value that a message carries; handles as :class:`Handle`.

    Raises:
        WireError: it is malformed, or holds more than it may.
    """
    try:
        return _value(json.loads(tree), data)
    except WireError:
        raise
    except Exception as error:  # whatever malformed input leads to
        raise WireError(f"a malformed message ({type(error).__name__})") from None


def send(connection: socket.socket, message: bytes) -> None:
    """Send a packed message.

    Raises:
        WireError: the other side is gone, or takes nothing.
    """
    try:
        connection.sendall(message)
    except OSError as error:
        raise WireError(f"the message was not taken ({error})") from None


def receive(connection: socket.socket, deadline: float | None = None) -> Any:
    """The next value, in full before ``deadline`` (of ``time.monotonic``).

    Raises:
        WireError: it is malformed or too large, or the other side is gone.
        TimeoutError: the deadline has passed, however steadily bytes drip in.
    """
    tree_size, size = HEAD.unpack(_read(connection, HEAD.size, deadline))
    if tree_size > MAX_TREE or size > MAX_BYTES:
        raise WireError("a message that is too large")
    tree = bytes(_read(connection, tree_size, deadline))
    return unpack(tree, memoryview(_read(connection, size, deadline)))


def _read(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray()  # grows with what has really come, not with what is promised
    while len(data) < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        try:
            part = connection.recv(min(size - len(data), 1 << 20))
        except TimeoutError:
            raise
        except OSError as error:
            raise WireError(f"the connection broke ({error})") from None
        if not part:
            raise WireError("the other side has ended")
        data += part
    return data


def _tree(value: Any, chunks: list[bytes], other: Other | None) -> Any:
    kind = type(value)
    if value is None or kind in (bool, str, float):
        return value
    if kind is int and abs(value) < 2**63:
        return value
    if kind is int and value.bit_length() < 4 * (MAX_DIGITS - 3):
        return ["int", hex(value)]
    if kind is list or kind is tuple or kind is torch.Size or kind is set:
        name = "tuple" if kind is torch.Size else kind.__name__
        return [name, *(_tree(v, chunks, other) for v in value)]
    if isinstance(value, dict) and kind.__name__ in ("dict", "OrderedDict"):
        pairs = dict.items(value)
        return [
            "dict",
            *((_tree(k, chunks, other), _tree(v, chunks, other)) for k, v in pairs),
        ]
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return _tensor_tree(value, chunks)
    if kind is np.ndarray and value.dtype.str in ARRAYS:
        chunks.append(np.ascontiguousarray(value).tobytes())
        return ["array", value.dtype.str, list(value.shape)]
    if isinstance(value, np.generic) and value.dtype.str in ARRAYS:
        chunks.append(np.asarray(value).tobytes())
        return ["scalar", value.dtype.str]
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind is torch.dtype and value in NAMES:
        return ["dtype", NAMES[value]]
    if kind is torch.device:
        return ["device", value.type]
    if kind is slice:
        return ["slice", value.start, value.stop, value.step]
    if kind is not Handle:
        if other is None:
            raise TypeError(f"a {kind.__name__} cannot be handed over")
        value = other(value)
    return ["handle", value.number, value.kind[:100], value.callable]


def _tensor_tree(value: torch.Tensor, chunks: list[bytes]) -> list:
    if value.layout is not torch.strided or value.dtype not in NAMES:
        raise TypeError(f"a {value.layout} tensor of {value.dtype} is not handed over")
    value = value.detach().cpu().resolve_conj().resolve_neg()
    if value.ndim > MAX_DIMS:
        raise TypeError(f"a tensor of {value.ndim} dimensions is not handed over")
    if value.dtype in NOT_IN_NUMPY:
        chunks.append(value.contiguous().view(torch.int16).numpy().tobytes())
    else:
        chunks.append(value.numpy().tobytes())  # in the order of a contiguous tensor
    # strides cross as well, so that a view is a view on the other side
    return ["tensor", NAMES[value.dtype], list(value.shape), list(value.stride())]


class _Reader:
    """Hands out the bytes behind a tree, in order, and no more than there are.

    It also counts what costs more than its bytes: tensors, keys, gaps between strides.
    """

    def __init__(self, data: memoryview):
        self.data, self.place = data, 0
        self.parts, self.keys = MAX_PARTS, MAX_KEYS
        self.gaps = 4 * len(data) + 1_000_000

    def key(self, value: Any) -> Hashable:
        self.keys -= type(value) is not str
        if self.keys < 0:
            raise WireError("too many keys that are not text")
        return value

    def take(self, shape: list, itemsize: int) -> bytearray:
        self.parts -= 1
        if self.parts < 0:
            raise WireError("too many tensors")
        if len(shape) > MAX_DIMS or not all(type(n) is int and n >= 0 for n in shape):
            raise WireError("a tensor of no possible shape")
        if max(shape, default=0) >= 2**40:
            raise WireError("a tensor of no possible shape")
        size = math.prod(shape) * itemsize
        if size > len(self.data) - self.place:
            raise WireError("a tensor that is larger than its bytes")
        part = bytearray(self.data[self.place : self.place + size])
        self.place += size
        return part


def _value(tree: Any, data: memoryview) -> Any:
    reader = _Reader(data)
    value = _build(tree, reader)
    if reader.place != len(data):
        raise WireError("more bytes than tensors")
    return value


def _build(tree: Any, reader: _Reader) -> Any:
    kind = type(tree)
    if tree is None or kind in (bool, float, int):
        return tree
    if kind is str:  # halves of characters cannot be written to a file
        return tree.encode("utf-8", "replace").decode()
    if kind is not list or not tree or type(tree[0]) is not str:
        raise WireError("a tree that says nothing")
    name, *rest = tree
    if name in ("list", "tuple"):
        items = [_build(item, reader) for item in rest]
        return items if name == "list" else tuple(items)
    if name == "set":
        return {reader.key(_build(item, reader)) for item in rest}
    if name == "dict":
        return {reader.key(_build(k, reader)): _build(v, reader) for k, v in rest}
    if name == "tensor":
        dtype, shape, strides = rest
        return _build_tensor(DTYPES[dtype], shape, strides, reader)
    if name == "array":
        dtype, shape = rest
        if dtype not in ARRAYS:
            raise WireError("an array of an unknown type")
        data = reader.take(shape, np.dtype(dtype).itemsize)
        return _numbers(data, dtype).reshape(shape)
    if name == "scalar":
        (dtype,) = rest
        if dtype not in ARRAYS:
            raise WireError("a number of an unknown type")
        return _numbers(reader.take([], np.dtype(dtype).itemsize), dtype)[0]
    if name == "int":
        if len(rest[0]) > MAX_DIGITS:
            raise WireError("a number of too many digits")
        return int(rest[0], 16)
    if name == "complex":
        return complex(*map(float, rest))
    if name == "dtype":
        return DTYPES[rest[0]]
    if name == "device":
        return torch.device(rest[0])
    if name == "slice":
        if not all(n is None or type(n) is int for n in rest):
            raise WireError("a slice of no numbers")
        return slice(*rest)
    if name == "handle":
        number, kind, can_call = rest
        if (type(number), type(kind), type(can_call)) != (int, str, bool):
            raise WireError("a handle to nothing")
        return Handle(number, kind[:100], can_call)
    raise WireError("a value of an unknown kind")


def _numbers(data: bytearray, dtype: str) -> np.ndarray:
    if dtype == "|b1":  # see _build_tensor
        return np.frombuffer(data, np.uint8) != 0
    return np.frombuffer(data, dtype)


def _build_tensor(
    dtype: torch.dtype, shape: list, strides: list, reader: _Reader
) -> torch.Tensor:
    data = reader.take(shape, dtype.itemsize)
    if not data:
        return torch.empty(shape, dtype=dtype)
    if dtype is torch.bool:  # a byte that is neither 0 nor 1 would be an odd truth
        value = torch.frombuffer(data, dtype=torch.uint8).bool()
    else:
        value = torch.frombuffer(data, dtype=dtype)
    value = value.reshape(shape)
    if list(value.stride()) == strides:
        return value
    if len(strides) != len(shape) or not all(
        type(s) is int and 0 <= s < 2**40 for s in strides
    ):
        raise WireError("a tensor of no possible strides")
    # what is expanded (stride 0) is one row, seen several times
    once = tuple(slice(0, 1) if s == 0 else slice(None) for s in strides)
    kept = value[once]
    span = 1 + sum(s * (n - 1) for s, n in zip(strides, kept.shape, strict=True))
    reader.gaps -= span * dtype.itemsize
    if reader.gaps < 0:
        return value  # a few entries of something large: its layout is not worth it
    strided = torch.empty_strided(kept.shape, strides, dtype=dtype)
    try:
        strided.copy_(kept)
    except RuntimeError:  # windows that overlap
        return value
    return strided.expand(shape)
