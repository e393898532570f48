"""The two rooms themselves: what a room says to the judge."""

from tests.attacks.attack import Attack, everything, linear

# the room's own modules are hidden: the garbage collector's objects lead to them
LIVE = """
import gc
for thing in gc.get_objects():
    if type(thing).__module__ == "grader.inside.room":
        room = type(thing).serve.__globals__
"""
WIRE = """
import json, socket, time
@LIVE@
wire = room["codec"]
honest = wire.send
def frame(tree, data=b"", sizes=None):
    tree = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return wire.HEAD.pack(*(sizes or (len(tree), len(data)))) + tree + data
def answer(n, value, **more):
    return ["dict", ["number", n], ["value", value], *([k, v] for k, v in more.items())]
def send(c, message):
    size = wire.HEAD.unpack(message[:wire.HEAD.size])[0]
    tree = json.loads(message[wire.HEAD.size:wire.HEAD.size + size])
    entries = dict(tree[1:])
    n, names = entries.get("number"), entries.get("number") == 1
    cell, call = "outputs" in entries, n and not names
    @WHEN@
        @DO@
    else:
        honest(c, message)
wire.send = send
"""


def says(do: str, when: str = "call") -> str:
    """Code that makes the room do this in place of an answer, e.g. to calls."""
    code = WIRE.replace("@LIVE@", LIVE).replace("@WHEN@", f"if {when}:")
    return code.replace("@DO@", "\n        ".join(do.strip().splitlines()))


BROKEN = {
    "wire-noise": ("bytes that are no message", 'c.sendall(b"\\xff" * 100)'),
    "wire-json": ("half a tree", 'c.sendall(frame(b\'["dict", ["number"\'))'),
    "wire-size": (
        "the promise of a giant message",
        "c.sendall(frame(b'1', sizes=(2**32 - 1, 2**64 - 1)))",
    ),
    "wire-promise": (
        "the promise of the largest message there may be, and silence",
        "c.sendall(frame(b'1', sizes=(16_000_000, 512_000_000)))\ntime.sleep(60)",
    ),
    "wire-deep": ("a deeply nested tree", "c.sendall(frame(b'[\"list\",' * 500_000))"),
    "wire-giant": (
        "tensors of giant and negative shapes",
        'for shape in ([2**39], [-1], [2**62, 2**62], [0, 2**60], ["1"], [1e3]):\n'
        '    c.sendall(frame(answer(n, ["tensor", "float64", shape, [1]])))',
    ),
    "wire-strides": (
        "small tensors with strides that need giant memory",
        'many = [["tensor", "int8", [2], [4000]]] * 200_000\n'
        'c.sendall(frame(answer(n, ["list", *many]), bytes(400_000)))',
    ),
    "wire-overlap": (
        "tensors whose strides lie: overlapping, negative, too many",
        'c.sendall(frame(answer(n, ["tensor", "int64", [4, 4], [1, 1]]), bytes(128)))',
    ),
    "wire-dtype": (
        "arrays of objects, text and unknown types",
        'value = ["array", "|O", [2]]\nc.sendall(frame(answer(n, value), bytes(16)))',
    ),
    "wire-bool": (
        "truths that are neither 0 nor 1",
        'value = ["tensor", "bool", [4, 2], [2, 1]]\n'
        'c.sendall(frame(answer(n, value), b"\\x07" * 8))',
    ),
    "wire-hashes": (
        "a dict whose keys all have one hash",
        "keys = [[k * (2**61 - 1), 0] for k in range(1, 300_000)]\n"
        'c.sendall(frame(answer(n, ["dict", *keys])))',
    ),
    "wire-digits": (
        "whole numbers of a million digits",
        'c.sendall(frame(answer(n, ["int", "0x" + "f" * 1_000_000])))',
    ),
    "wire-drip": (
        "an answer that drips in, byte by byte",
        "for byte in frame(answer(n, 1)) + bytes(10**6):\n"
        "    c.sendall(bytes([byte]))\n    time.sleep(0.2)",
    ),
    "wire-silence": ("no answer at all", "time.sleep(600)"),
    "wire-hang-up": ("the connection is closed", "c.close()"),
    "wire-twice": (
        "two answers to one question, and one to none",
        "for k in (n, n, n + 1, n + 2):\n    c.sendall(frame(answer(k, None)))",
    ),
    "wire-replay": (
        "the answer to an earlier question",
        "c.sendall(frame(answer(1, None)))",
    ),
    "wire-number": (
        "numbers of questions that equal any number",
        'value = ["tensor", "bool", [1], [1]]\n'
        'c.sendall(frame(["dict", ["number", value], ["value", 1]], b"\\x01"))',
    ),
    "wire-handle": (
        "handles to objects that are not there",
        'many = [["handle", k, "<script>", True] for k in (-1, 10**9, 0)]\n'
        'c.sendall(frame(answer(n, ["list", *many])))',
    ),
    "wire-error": (
        "an error that is no error",
        'c.sendall(frame(["dict", ["number", n], ["error", ["list", 1, 2]]]))',
    ),
    "wire-changed": (
        "arguments that were changed to what is expected, to other shapes, to handles",
        'c.sendall(frame(answer(n, None, changed=["dict", [0, ["handle", 1, "", True]],'
        ' [1, ["tensor", "int8", [0], [1]]], [99, None], ["x", 1]])))',
    ),
    "wire-surrogates": (
        "halves of characters, which no file can hold",
        'error = ["dict", ["kind", "\\udc00"], ["words", "\\ud800"], ["lines", ["list", "\\ud8ff"]]]\n'
        'c.sendall(frame(["dict", ["number", n], ["error", error]]))',
    ),
    "wire-descriptors": (
        "an answer with open files of the room's attached",
        "import os\nfd = os.open('/tmp', os.O_RDONLY)\n"
        "socket.send_fds(c, [frame(answer(n, None))], [fd] * 200)",
    ),
    "wire-memory": (
        "half a gigabyte in every answer",
        'value = ["tensor", "int8", [500_000_000], [1]]\n'
        "c.sendall(frame(answer(n, value), bytes(500_000_000)))",
    ),
}
NAMES = """
wrong = ["handle", 0, "x", True]
names = ["check", "torch", "F", "g", "__builtins__", "__name__", "print", "isinstance"]
c.sendall(frame(answer(1, ["dict", *([k, wrong] for k in names)])))
"""
OUTPUTS = """
junk = [1, None, ["tensor", "int8", [2], [1]], ["dict", ["stream", 5], ["text", "x"]],
    ["dict", ["stream", "../../x"], ["text", "<script>alert(1)</script>"]],
    ["dict", ["data", ["dict", ["text/html", "<script>alert(1)</script>"]]]],
    ["dict", ["data", ["dict", ["image/png", "x\\"><script>alert(1)</script>"]]]],
    ["dict", ["data", ["dict", ["image/svg+xml", "<svg onload=alert(1)>"]]]]]
many = [["dict", ["stream", "stdout"], ["text", "tried " * 1000]]] * 2_000
c.sendall(frame(["dict", ["outputs", ["list", *junk, *many]], ["error", 5]]))
"""

DOOR = [
    *(
        Attack(name, idea, says(do), everything("None"))
        for name, (idea, do) in BROKEN.items()
    ),
    Attack(
        "wire-names",
        "answers with names that were not asked for",
        says(NAMES, "names"),
        silent=True,
    ),
    Attack(
        "wire-outputs",
        "outputs that are none, too many, or hold scripts",
        says(OUTPUTS, "cell"),
        silent=True,
    ),
    Attack(
        "wire-outputs-type",
        "outputs and errors that are tensors",
        says(
            'tensor = ["tensor", "int8", [2], [1]]\n'
            'c.sendall(frame(["dict", ["outputs", tensor], ["error", tensor]], bytes(4)))',
            "cell",
        ),
        silent=True,
    ),
    Attack(
        "patched-room",
        "the room's own code is replaced: it says that all is well",
        LIVE
        + """
room["Served"].serve = lambda self: None
room["Room"].snapshot = lambda self, request: {"signal": 0, "code": 0}
room["describe"] = lambda error: None
""",
    ),
    Attack(
        "unseen-changes",
        "the room does not see that arguments were changed",
        "import grader.inside.snapshot as room\nroom._same = lambda *tensors: True",
        {
            "linear_backward": """
def linear_backward(dout, X, W):
    dout.zero_(); X.zero_(); W.zero_()
    return X, W, dout.sum(0)
"""
        },
    ),
    Attack(
        "listening",
        "what the judge sends is read and printed",
        LIVE
        + """
wire = room["codec"]
take = wire.receive
heard = []
def receive(*a):
    request = take(*a)
    print("HEARD", request)
    heard.append(repr(request))
    return request
wire.receive = receive
""",
        linear("raise ValueError(str(heard))"),
    ),
]
