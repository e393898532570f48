"""What works against tests that run in the student's own process."""

from tests.attacks.attack import FUNCTIONS, MARK, Attack, everything, linear

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
