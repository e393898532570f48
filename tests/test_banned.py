"""Forbidden calls are found by reading, under every name, and nothing else is."""

import ast
import json

import pytest

from byhand import banned
from tests.homeworks import hw1_backprop as table
from tests.support.runs import Forks
from tests.support.sheets import sheet_of
from tests.support.solutions import ROOT
from tests.support.submissions import HW, homework, reference

HOMEWORKS = sorted(path.stem for path in ROOT.glob("solutions/hw*/*.ipynb"))


def found(source: str, known: dict | None = None) -> list[tuple[str, int]]:
    """What homework 1 forbids of this: names and lines."""
    known = {"torch": "torch"} if known is None else known
    uses = banned.uses(ast.parse(source), sheet_of(HW).banned, known)
    return [(use.name, use.line) for use in uses]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("torch.nn.functional.relu(x)", "torch.nn.functional.relu"),
        ("import torch.nn as nn\nnn.Linear(2, 3)", "torch.nn"),
        ("from torch import nn", "torch.nn"),
        ("from torch.nn import functional as F", "torch.nn.functional"),
        ("import torch.nn.functional as F", "torch.nn.functional"),
        ("import torch as t\nt.relu(x)", "torch.relu"),
        ("from torch import relu as r\nr(x)", "torch.relu"),
        ("r = torch.relu\nr(x)", "torch.relu"),
        ("getattr(torch, 'relu')(x)", "torch.relu"),
        ("def f(x):\n    from torch import softmax\n    return softmax(x, 1)", None),
        ("torch.Tensor.relu(x)", "torch.Tensor.relu"),
        ("x.requires_grad = True", ".requires_grad"),
        ("x.requires_grad_()", ".requires_grad_"),
        ("torch.tensor([1.0], requires_grad=True)", ".requires_grad"),
        ("with torch.enable_grad():\n    pass", "torch.enable_grad"),
        ("torch.set_grad_enabled(True)", "torch.set_grad_enabled"),
        ("torch.autograd.grad(y, x)", "torch.autograd"),
        ("map(torch.special.expit, xs)", "torch.special.expit"),
        ("import torch.optim", "torch.optim"),
    ],
)
def test_found(source, name):
    uses = found(source)
    assert uses
    if name:
        assert any(use.startswith(name) for use, _ in uses), uses


@pytest.mark.parametrize(
    "source",
    [
        "torch.exp(x) / (1 + torch.exp(x))",
        "class Net:\n    def relu(self, x):\n        return self.relu(x)",
        "net.backward(dout)",
        "def sigmoid(x):\n    return 1 / (1 + (-x).exp())\nsigmoid(x)",
        "nn = 3\nnn + 1",
        "# torch.nn.functional.relu(x)",
        "'torch.relu'",
        "softmax = logits.exp()",
        "torch.no_grad()",
    ],
)
def test_allowed(source):
    assert found(source) == []


def test_lines_and_what_cells_share():
    known: dict = {}
    assert found("import torch\nfrom torch import special as sp", known=known) == [
        ("torch.special", 2)
    ]
    assert found("def f(x):\n    return sp.expit(x)", known=known) == [
        ("torch.special.expit", 2)
    ]


def test_the_homework_itself_is_allowed():
    """Neither the reference solutions nor those in other styles use what is banned."""
    sources = list(reference().values())
    sources += [homework().edited(right.cell, right.code) for right in table.RIGHT]
    assert [use for source in sources for use in found(source)] == []


@pytest.fixture(scope="module")
def forks():
    """Runs in processes of their own, all of PyTorch imported."""
    imports = "import torch, torch.testing, torch.utils.data, grader.inside.guard"
    with Forks(imports) as forks:
        yield forks


ENFORCED = """
import torch, torch.nn.functional as F
from byhand.refuse import NotAllowed, Refusal
kept, layer, x = torch.relu, torch.nn.ReLU(), torch.randn(3)
refusal = Refusal(["torch.optim"], ["relu", "softmax"])
calls = [F.relu, torch.relu, kept, layer, torch.Tensor.relu, torch.ops.aten.relu]
calls += [torch.ops.aten.relu.default, lambda x: x.softmax(0), lambda x: x.clone().relu_()]
calls += [lambda x: torch.optim.SGD([x], 0.1)]
for _ in range(2):
    assert torch.equal(torch.relu(x), x.clamp(min=0)) and layer(x).shape == (3,)
    refusal.start()
    for call in calls:
        try:
            call(x)
        except NotAllowed as error:
            print(error)
        else:
            raise SystemExit(f"{call} was let through")
    assert torch.equal(x.exp(), torch.exp(x))
    refusal.stop()
"""


def test_refused_at_run_time(forks):
    result = forks.run(ENFORCED)
    assert result.returncode == 0, result.said
    for name in ("PyTorch's relu", "PyTorch's softmax", "torch.optim.sgd.SGD"):
        assert f"{name} is not allowed in this exercise" in result.stdout


ALLOWED = """
import copy, ctypes, json, sys
import torch
from grader.inside.guard import Guard
from grader.wire.messages import Kit
from byhand.refuse import NotAllowed
banned, operators = json.loads(sys.argv[1])
guard = Guard(Kit((), False, tuple(banned), tuple(operators)))
guard.enter(strict=False)
x = torch.randn(4, 3)
torch.testing.assert_close(x, x.clone())  # as in a cell of one's own
for batch in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), 2):
    pass
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no new privileges, as in a room
guard.refuse(sys.exit)
with guard.watch():
    print(x, x.sum(), f"{x.sum():.2f}", [repr(x.double())])
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(x), x) and torch.allclose(x, x)
    torch.testing.assert_close(x, x.clone())
    x.norm(), x.split(2), torch.einsum("ij,kj->ik", x, x), 2**x, 1 / x, x.unique(), x.std()
if "relu" in operators:
    try:
        torch.ops.aten.relu.default(x)
    except NotAllowed:
        raise SystemExit(0)
    raise SystemExit("an overload was let through")
"""


@pytest.mark.parametrize("name", HOMEWORKS)
def test_all_else_works_while_refusing(name, forks):
    """A print that was left in a function costs nobody a point."""
    sheet = sheet_of(name)
    result = forks.run(ALLOWED, json.dumps([sheet.banned, sheet.operators]))
    assert result.returncode == 0, result.said


def hidden(source: str) -> list[str]:
    """What hides from a reader which functions a cell calls."""
    known: dict = {"torch": "torch"}
    trees = [ast.parse(text) for text in banned.parts(source)]
    return [use.name for tree in trees for use in banned.tricks(tree, known)]


@pytest.mark.parametrize(
    "source",
    [
        *("torch.einsum?", "!ls -l", "!!ls", "files = !ls", "%matplotlib inline"),
        *("%load_ext autoreload\n%autoreload 2", "%pdb off", "%timeit x + {1: 2}[1]"),
        *("%%time\ny = {x}", "%%bash\necho {1..3} $HOME", "import pandas as pd"),
        "from google.colab import drive",
        *("from types import SimpleNamespace", "%config InlineBackend.x = 'retina'"),
    ],
)
def test_what_people_write_every_day_hides_nothing(source):
    assert hidden(source) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("!echo {f(x)}", "!"),
        ("!echo $x", "!"),
        ("%pip install {f(x)}", "%pip"),
        ("%%html {f(x)}\n<p>", "%html"),
        ("%%capture {f(x)}\n1", "%capture"),
        ("%load_ext mine", "%load_ext"),
        ("%run mine.py", "%run"),
        ("get_ipython().ex('x')", "get_ipython"),
        ("get_ipython().system(f'{f(x)}')", "get_ipython"),
        ("import types", "importing types"),
        ("from helper import f", "importing helper.f"),
        ("import site", "importing site"),
        ("%time eval('x')", "eval"),
        ("%config x = eval('x')", "eval"),
    ],
)
def test_what_hides_is_named_as_it_was_written(source, name):
    assert hidden(source) == [name]


STRICT = """
import inspect, json, sys
import torch, torch.nn.functional as F, torch.optim
from grader.inside.guard import Guard, PAST
from grader.wire.messages import Kit
from byhand.refuse import NotAllowed
x = torch.tensor([-1.0, 2.0])
before = inspect.signature(F.relu), inspect.getsource(F.relu)
guard = Guard(Kit((), False, ("torch.nn", "torch.optim", "torch.autograd"), ("relu",)))
strict = sys.argv[1] == "strict"
guard.enter(strict)
assert guard.used[0] == 0
assert (inspect.signature(F.relu), inspect.getsource(F.relu)) == before
for use in (lambda: F.relu(x), lambda: x.relu(), lambda: torch.optim.SGD([x], 0.1)):
    guard.used[0] = 0
    try:
        use()
        assert not strict
    except NotAllowed:
        assert strict
    assert guard.used[0] == strict
handle, module = None, None
for way in (lambda: torch.library.get_kernel("aten::relu", "CPU"),
            lambda: torch._C._jit_to_static_module(None)):
    try:
        way()
        raise SystemExit("a way past the dispatcher")
    except NotAllowed:
        pass
assert all(getattr(torch._C, name).__name__ == "_withheld" for name in PAST if hasattr(torch._C, name))
if strict:  # nothing leads back
    import array, gc
    gc.unfreeze()
    codes = [o for o in gc.get_objects() if isinstance(o, array.array)]
    assert any(codes) and not any(any(a) for a in codes)
"""


@pytest.mark.parametrize("room", ["strict", "open"])
def test_what_is_refused_beforehand(forks, room):
    """In a room whose cells use nothing of it, and in one whose cells may."""
    result = forks.run(STRICT, room)
    assert result.returncode == 0, result.said


LAZY = """
import sys
import torch, scipy.special
from byhand.refuse import Refusal
Refusal(["scipy.signal", "scipy.special"]).find()
assert "scipy.signal" not in sys.modules
"""


def test_looking_for_what_is_forbidden_imports_nothing(forks):
    result = forks.run(LAZY)
    assert result.returncode == 0, result.said


HIDDEN = """
import sys, types
import scipy.special
from grader.inside.guard import MAPS, hidden_library
maps, names = MAPS.read_text(), ["scipy.special", "scipy.signal"]
assert hidden_library(names, maps) == ""
(path,) = [p for p in set(maps.split()) if "/scipy/special/_ufuncs." in p]
line = f"7f0-7f1 r-xp 00000 fe:00 12    {path}\\n"
assert hidden_library(names, line) == ""
known = sys.modules.pop("scipy.special._ufuncs")
assert hidden_library(names, line) == "scipy.special"
sys.modules["scipy.special._ufuncs"] = types.ModuleType("scipy.special._ufuncs")
assert hidden_library(names, line) == "scipy.special"
sys.modules["scipy.special._ufuncs"] = known
own = "7f0-7f1 r-xp 00000 fe:00 12    /tmp/mine.so\\n"
assert "mine.so" in hidden_library(names, own)
venv = own.replace("/tmp/mine.so", "/tmp/venv/lib/numpy/core.so")
assert hidden_library(names, venv, ("/tmp/venv/",)) == ""
"""


def test_what_is_loaded_and_hidden(forks):
    result = forks.run(HIDDEN)
    assert result.returncode == 0, result.said


EVERY = """
import ctypes, json, sys, warnings
import torch
from byhand import refuse
patterns, words = json.loads(sys.argv[1])
warnings.simplefilter("ignore")
refusal = refuse.Refusal(patterns, words)
named = [n for n in torch._C._dispatch_get_all_op_names()
         if any(w in n.partition("::")[2].partition(".")[0] for w in words)]

def called(name):
    base, _, overload = name.partition("::")[2].partition(".")
    schema = torch._C._get_schema(f"{name.partition('::')[0]}::{base}", overload)
    args, kwargs = [], {}
    for a in schema.arguments:
        kind = str(a.type)
        if a.has_default_value():
            continue
        if kind != "Tensor":
            raise TypeError("what it takes besides tensors is not known here")
        value = torch.rand(3, 3)
        if a.kwarg_only:
            kwargs[a.name] = torch.empty(0) if a.is_out else value
        else:
            args.append(value)
    packet = getattr(getattr(torch.ops, name.partition("::")[0]), base)
    return getattr(packet, overload or "default")(*args, **kwargs)

def works(name):
    try:
        called(name)
    except refuse.NotAllowed:
        raise
    except Exception:
        return False
    return True

able = [name for name in named if works(name)]
print(len(named), len(able))
refusal.start()
for name in able:
    try:
        called(name)
    except refuse.NotAllowed:
        continue
    raise SystemExit(f"{name} was let through")
"""


@pytest.mark.parametrize("name", ["hw1_backprop", "hw2_cnn"])
def test_every_operator_of_that_name_is_refused(name, forks):
    """Those that take tensors alone, with and without `out`: each is called."""
    sheet = sheet_of(name)
    result = forks.run(EVERY, json.dumps([sheet.banned, sheet.operators]))
    assert result.returncode == 0, result.said
    named, able = map(int, result.stdout.split()[-2:])
    assert named > 400 and able > 40
