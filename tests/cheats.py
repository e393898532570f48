"""Ways to use what an exercise forbids, each beside a right solution of all the rest.

``CHEATS`` is graded by ``tests/test_forbidden_calls.py``: the tests that are about the
exercise must earn nothing, all others what they are worth. Every payload is harmless.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cheat:
    """A solution that calls what it must not.

    Args:
        name: short, and the name of the student.
        cell: whose solution it takes the place of.
        code: the solution.
        setup: of a cell of its own, before the first exercise.
        tests: that must fail; the others must pass.
        hides: what it calls, so that the other tests may fail as well: they cannot be
            told from those that do.
        homework: in which.
    """

    name: str
    cell: str
    code: str
    setup: str = ""
    tests: tuple[str, ...] = ()
    homework: str = "hw1_backprop"
    hides: bool = False


RELU_TESTS = ("relu_test", "activations_more_test")
# relu_forward is used by the network as well
AFTER_RELU = (
    *("mlp_forward_test", "mlp_backward_test", "mlp_more_test"),
    *("train_steps_test", "accuracy_test"),
)
SPECIAL = "import sys, types, scipy.special\nf = scipy.special.expit\n"
BACKWARD = "\n\ndef relu_backward(dout, x):\n    return dout * (x > 0)\n"


def relu(name: str, expression: str, setup: str = "") -> Cheat:
    """A relu by an expression of x."""
    code = f"def relu_forward(x):\n    return {expression}\n{BACKWARD}"
    return Cheat(f"relu-{name}", "relu", code, setup, RELU_TESTS + AFTER_RELU)


def sigmoid(name: str, expression: str, setup: str = "", hides: bool = False) -> Cheat:
    code = (
        f"def sigmoid_forward(x):\n    return {expression}\n\n\n"
        "def sigmoid_backward(dout, y):\n    return dout * y * (1 - y)\n"
    )
    tests = ("sigmoid_test", "activations_more_test")
    return Cheat(f"sigmoid-{name}", "sigmoid", code, setup, tests, hides=hides)


def loss(name: str, expression: str, setup: str = "") -> Cheat:
    code = f"def cross_entropy_forward(logits, labels):\n    return {expression}\n"
    tests = ("cross_entropy_forward_test", "loss_more_test")
    # train adds up the losses that it reports
    tests += ("train_steps_test", "accuracy_test")
    return Cheat(f"loss-{name}", "cross_entropy_forward", code, setup, tests)


def gradient(name: str, lines: str, setup: str = "") -> Cheat:
    """The gradients of the linear layer by lines that end in `return dX, dW, db`."""
    body = "\n".join(f"    {line}" for line in lines.strip().splitlines())
    tests = ("linear_backward_test", "linear_more_test", "mlp_backward_test")
    tests += ("mlp_more_test", "train_steps_test", "accuracy_test")
    code = f"def linear_backward(dout, X, W):\n{body}\n"
    return Cheat(f"gradient-{name}", "linear_backward", code, setup, tests)


F = "torch.nn.functional"
LEAVES = """
X, W = (t.clone().requires_grad_() for t in (X, W))
b = X.new_zeros(len(W)).requires_grad_()
"""
PLANTED = """
import sys
with open("/tmp/planted.py", "w") as file:
    file.write("import torch\\ndef f(x):\\n    return torch.relu(x)\\n")
sys.path.insert(0, "/tmp")
from planted import f
"""
WORKER = """
import os, pickle, struct
to_worker, from_judge = os.pipe(), os.pipe()
if os.fork() == 0:
    with open(to_worker[0], "rb") as asked, open(from_judge[1], "wb") as told:
        while True:
            x = pickle.load(asked)
            pickle.dump(torch.relu(x), told)
            told.flush()
asked, told = open(to_worker[1], "wb"), open(from_judge[0], "rb")
def f(x):
    import select
    pickle.dump(x, asked)
    asked.flush()
    if not select.select([told], [], [], 1)[0]:
        raise RuntimeError("the other process does not answer")
    return pickle.load(told)
"""
THREAD = """
import os, pickle, threading
to_worker, from_judge = os.pipe(), os.pipe()
def work():
    with open(to_worker[0], "rb") as asked, open(from_judge[1], "wb") as told:
        while True:
            pickle.dump(torch.relu(pickle.load(asked)), told)
            told.flush()
threading.Thread(target=work, daemon=True).start()
asked, told = open(to_worker[1], "wb"), open(from_judge[0], "rb")
def f(x):
    import select
    pickle.dump(x, asked)
    asked.flush()
    if not select.select([told], [], [], 1)[0]:
        raise RuntimeError("the other thread does not answer")
    return pickle.load(told)
"""
PROGRAM = """
def f(x):
    import pickle, subprocess, sys
    code = ("import pickle, sys, torch\\n"
            "x = pickle.load(sys.stdin.buffer)\\n"
            "sys.stdout.buffer.write(pickle.dumps(torch.relu(x)))")
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(x),
                          capture_output=True, check=True)
    return pickle.loads(done.stdout)
"""
FORK = """
import os
kept = []
os.register_at_fork(after_in_child=lambda: kept.append(torch.relu))
def f(x):
    return (kept or [torch.relu])[-1](x)
"""

REACHED = [
    relu("plain", "torch.relu(x)"),
    relu("method", "x.relu()"),
    relu("in-place", "x.clone().relu_()"),
    relu("functional", f"{F}.relu(x)"),
    relu("layer", "torch.nn.ReLU()(x)"),
    relu("early", "f(x)", "f = torch.relu"),
    relu("kernel", "k.call_boxed(torch._C.DispatchKeySet(torch._C.DispatchKey.CPU), x)", "k = torch.library.get_kernel('aten::relu', 'CPU')"),
    relu("kernel-named", "f('aten::relu', torch._C.DispatchKey.CPU).call_boxed(torch._C.DispatchKeySet(torch._C.DispatchKey.CPU), x)", "f = torch._C._dispatch_get_computed_kernel_for_dispatch_key"),
    relu("static", "f(x)", "f = torch._C._jit_to_static_module(torch.jit.freeze(torch.jit.script(torch.nn.ReLU().eval()))._c)"),
    relu("code", "g(x)", "import types\nF = torch.nn.functional\ng = types.FunctionType(F.relu.__code__, F.relu.__globals__)"),
    relu("layer-early", "f(x)", "f = torch.nn.Sequential(torch.nn.ReLU())"),
    relu("alias", "t.relu(x)", "import torch as t"),
    relu("of-another-module", "plt.matplotlib.t.relu(x)", "plt.matplotlib.t = torch"),
    relu("numpy-kept", "np.t.relu(x)", "import numpy as np\nnp.t = torch"),
    relu("getattr", 'getattr(torch, "re" + "lu")(x)'),
    relu("getattr-value", "g(torch, name)(x)", 'g, name = getattr, "re" + "lu"'),
    relu("map", 'next(map(getattr, [torch], ["relu"]))(x)'),
    relu("attrgetter", "f(x)", 'import operator\nf = operator.attrgetter("relu")(torch)'),
    relu(
        "methodcaller",
        "operator.methodcaller(name)(x)",
        'import operator\nname = "relu"',
    ),
    relu("eval", 'eval("torch.re" + "lu(x)")'),
    relu("exec", "f(x)", 'exec("f = torch.re" + "lu")'),
    relu("compile", 'eval(compile("torch.re" "lu(x)", "", "eval"))'),
    relu("import", '__import__("torch").relu(x)'),
    relu("importlib", "m.relu(x)", 'import importlib\nm = importlib.import_module("torch")'),
    relu("modules", 'sys.modules["torch"].relu(x)', "import sys"),
    relu("dict", 'torch.__dict__["relu"](x)'),
    relu("vars", 'vars(torch)["re" + "lu"](x)'),
    relu("getattribute", 'torch.__getattribute__("relu")(x)'),
    relu("tensor-class", "torch.Tensor.relu(x)"),
    relu("type", "type(x).relu(x)"),
    relu("pickled", "f(x)", "import pickle\nf = pickle.loads(pickle.dumps(torch.relu))"),
    relu(
        "unpickler",
        "f(x)",
        "import io, pickle\nf = pickle.Unpickler(io.BytesIO()).find_class('torch', 'relu')",
    ),
    relu("pydoc", "f(x)", "import pydoc\nf = pydoc.locate('torch.relu')"),
    relu("pkgutil", "f(x)", "import pkgutil\nf = pkgutil.resolve_name('torch:relu')"),
    relu("timeit", "t.timeit(x)", "class t:\n    timeit = staticmethod(torch.relu)"),
    relu("partial", "f(x)", "import functools\nf = functools.partial(torch.relu)"),
    relu("default", "(lambda x, f=torch.relu: f(x))(x)"),
    relu("list", "box[0](x)", "box = [torch.relu]"),
    relu("class", "Box.f(x)", "class Box:\n    f = torch.relu"),
    relu("builtin", "f(x)", "import builtins\nbuiltins.f = torch.relu"),
    relu("planted", "f(x)", PLANTED),
    relu("operators", "torch.ops.aten.relu(x)"),
    relu("overload", "torch.ops.aten.relu.default(x)"),
    relu("overload-early", "f(x)", "f = torch.ops.aten.relu.default"),
    relu("out", "torch.ops.aten.relu.out(x, out=torch.empty_like(x))"),
    relu("private", "torch._C._VariableFunctions.relu(x)"),
    relu("jit", "f(x)", "f = torch.jit.trace(lambda x: torch.relu(x), torch.ones(2))"),
    relu("fx", "f(x)", "f = torch.fx.symbolic_trace(torch.nn.ReLU())"),
    relu("vmap", "torch.vmap(torch.relu)(x) if x.ndim else torch.relu(x)"),
    relu("thread-of-its-own", "pool.submit(torch.relu, x).result()", "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)"),
    relu("inference", "f(x)", "def f(x):\n    with torch.inference_mode():\n        return torch.relu(x).clone()"),
    relu("mkldnn", "x.to_mkldnn().relu().to_dense()"),
    relu("sparse", "x.to_sparse().relu().to_dense()"),
    relu("references", "f(x)", "import torch._refs.nn.functional as r\nf = r.relu"),
    relu("function", "f.apply(x)", "class f(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return torch.relu(x)"),
    relu("own-library", "torch.ops.own.f(x)", 'lib = torch.library.Library("own", "DEF")\nlib.define("f(Tensor x) -> Tensor")\nlib.impl("f", torch.relu, "CompositeImplicitAutograd")'),
    relu("put-back", "torch.relu(x)", 'lib = torch.library.Library("aten", "IMPL")\nkept = torch.ops.aten.relu.default\nlib.impl("relu", lambda x: kept(x), "AutogradCPU")'),
    relu("guard-by-import", "torch.relu(x)", "import grader.inside.guard as g\ng.Guard.refuse = lambda *a: None"),
    relu("refusal-by-import", "torch.relu(x)", "import sys\nfor n, m in list(sys.modules.items()):\n    if n.startswith('grader') and hasattr(m, 'Guard'):\n        m.Guard.refuse = lambda *a: None"),
    relu("another-process", "f(x)", WORKER),
    relu("another-thread", "f(x)", THREAD),
    relu("another-program", "f(x)", PROGRAM),
    relu("fork-hook", "f(x)", FORK),
]  # fmt: skip

ALIKE = [
    relu("threshold", "torch.threshold(x, 0, 0)"),
    relu("hardtanh", f"{F}.hardtanh(x, 0, float('inf'))"),
    relu("relu6", f"{F}.relu6(x / 1e6) * 1e6"),
    relu("leaky", f"{F}.leaky_relu(x, 0.0)"),
    relu("prelu", "torch.prelu(x.reshape(-1), x.new_zeros(1)).reshape(x.shape)"),
    relu("rrelu", "torch.rrelu(x, 0.0, 0.0)"),
    relu("elu", f"{F}.elu(x, alpha=0.0)"),
    relu("softplus", f"{F}.softplus(x, beta=1e12)"),
    sigmoid("plain", "torch.sigmoid(x)"),
    sigmoid("method", "x.sigmoid()"),
    sigmoid("special", "torch.special.expit(x)"),
    sigmoid("logsigmoid", f"{F}.logsigmoid(x).exp()"),
    sigmoid("glu", f"{F}.glu(torch.stack([torch.ones_like(x), x], -1), -1)[..., 0]"),
    sigmoid("softmax", "torch.stack([x, torch.zeros_like(x)], -1).softmax(-1)[..., 0]"),
    sigmoid("silu", f"{F}.silu(x) / x"),
    sigmoid("scipy", "torch.as_tensor(scipy.special.expit(x.numpy()), dtype=x.dtype)", "import scipy.special"),
    sigmoid("scipy-from", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", "from scipy.special import expit as f"),
    sigmoid("scipy-list", "torch.as_tensor(f[0](x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nf = [expit]\ndel expit"),
    sigmoid("scipy-tuple", "torch.as_tensor(f[0](x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nf = (expit,)\ndel expit"),
    sigmoid("scipy-partial", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", "import functools\nfrom scipy.special import expit\nf = functools.partial(expit)\ndel expit"),
    sigmoid("scipy-attribute", "torch.as_tensor(f.g(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nclass F: pass\nf = F()\nf.g = expit\ndel expit"),
    sigmoid("scipy-key", "torch.as_tensor(next(iter(f))(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nf = {expit: 1}\ndel expit"),
    sigmoid("scipy-default", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\ndef f(x, g=expit): return g(x)\ndel expit"),
    sigmoid("scipy-slot", "torch.as_tensor(f.g(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nclass F:\n    __slots__ = ('g',)\nf = F()\nf.g = expit\ndel expit", hides=True),
    sigmoid("scipy-generator", "torch.as_tensor(f.send(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\ndef kept(g):\n    x = yield\n    while True: x = yield g(x)\nf = kept(expit)\nnext(f)\ndel expit", hides=True),
    sigmoid("scipy-wrapper", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", "from scipy.special import expit\nf = expit.__call__\ndel expit", hides=True),
    sigmoid("scipy-unlisted", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", f"{SPECIAL}for n in [n for n in sys.modules if n.startswith('scipy')]:\n    del sys.modules[n]\ndel scipy", hides=True),
    sigmoid("scipy-in-disguise", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", f"{SPECIAL}for n in [n for n in sys.modules if n.startswith('scipy.special')]:\n    sys.modules[n] = types.ModuleType(n)\ndel scipy", hides=True),
    sigmoid("scipy-by-its-file", "torch.as_tensor(f(x.numpy()), dtype=x.dtype)", f"{SPECIAL}path = scipy.special._ufuncs.__file__\nfor n in [n for n in sys.modules if n.startswith('scipy')]:\n    del sys.modules[n]\nimport importlib.util as u\nspec = u.spec_from_file_location('_ufuncs', path)\nm = u.module_from_spec(spec)\nspec.loader.exec_module(m)\nf = m.expit\ndel scipy", hides=True),
    loss("plain", f"{F}.cross_entropy(logits, labels)"),
    loss("log-softmax", "-logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()"),
    loss("nll", f"{F}.nll_loss((logits - logits.logsumexp(1, keepdim=True)), labels)"),
    loss("logsumexp", "(logits.logsumexp(1) - logits[torch.arange(len(labels)), labels]).mean()"),
    loss("logcumsumexp", "(logits.logcumsumexp(1)[:, -1] - logits[torch.arange(len(labels)), labels]).mean()"),
    loss("layer", "torch.nn.CrossEntropyLoss()(logits, labels)"),
    loss("scipy", "-torch.as_tensor(f(logits.numpy(), axis=1))[torch.arange(len(labels)), labels].mean()", "from scipy.special import log_softmax as f"),
    loss("sklearn", "-torch.as_tensor(f(logits.double().numpy())).log()[torch.arange(len(labels)), labels].mean().to(logits)", "from sklearn.utils.extmath import softmax as f"),
]  # fmt: skip

DERIVED = [
    gradient("backward", LEAVES + "with torch.enable_grad():\n    (X @ W.T + b).backward(dout)\nreturn X.grad, W.grad, b.grad"),
    gradient("grad", LEAVES + "with torch.enable_grad():\n    return torch.autograd.grad(X @ W.T + b, [X, W, b], dout)"),
    gradient("grad-early", LEAVES + "with on():\n    return f(X @ W.T + b, [X, W, b], dout)", "f, on = torch.autograd.grad, torch.enable_grad"),
    gradient("set-grad", LEAVES + "torch.set_grad_enabled(True)\nreturn torch.autograd.grad(X @ W.T + b, [X, W, b], dout)"),
    gradient("vjp", "return torch.autograd.functional.vjp(lambda X, W, b: X @ W.T + b, (X, W, X.new_zeros(len(W))), dout)[1]"),
    gradient("func-vjp", "return torch.func.vjp(lambda X, W, b: X @ W.T + b, X, W, X.new_zeros(len(W)))[1](dout)"),
    gradient("func-grad", "return torch.func.grad(lambda X, W, b: ((X @ W.T + b) * dout).sum(), (0, 1, 2))(X, W, X.new_zeros(len(W)))"),
    gradient("jacobian", "return torch.autograd.functional.jacobian(lambda X, W, b: ((X @ W.T + b) * dout).sum(), (X, W, X.new_zeros(len(W))))"),
    gradient("inference", LEAVES + "with torch.inference_mode(False), torch.enable_grad():\n    return torch.autograd.grad(X @ W.T + b, [X, W, b], dout)"),
    gradient("thread", LEAVES + "return pool.submit(lambda: torch.autograd.grad(X @ W.T + b, [X, W, b], dout)).result()", "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)"),
    gradient("nodes", LEAVES + "with torch.inference_mode(False), torch.enable_grad():\n    Y = X @ W.T\n    dX, dWT = Y.grad_fn(dout)\nreturn dX, dWT.T, dout.sum(0)"),
    gradient("engine", LEAVES + "with torch.enable_grad():\n    Y = X @ W.T + b\ntorch._C._ImperativeEngine.run_backward(torch.autograd.Variable._execution_engine, (Y,), (dout,), False, False, (), allow_unreachable=True, accumulate_grad=True)\nreturn X.grad, W.grad, b.grad"),
    gradient("numerical", "return tuple(byhand.check.numerical_vjp(lambda X, W, b: X @ W.T + b, [X, W, X.new_zeros(len(W))], dout))", "import byhand.check"),
    gradient("dual", "def f(X, W, b):\n    return ((X @ W.T + b) * dout).sum()\nb = X.new_zeros(len(W))\nout = []\nfor n, t in enumerate((X, W, b)):\n    g = torch.zeros_like(t)\n    for k in range(t.numel()):\n        e = torch.zeros_like(t).reshape(-1)\n        e[k] = 1\n        args = [X, W, b]\n        with torch.autograd.forward_ad.dual_level():\n            args[n] = torch.autograd.forward_ad.make_dual(t, e.reshape(t.shape))\n            g.reshape(-1)[k] = torch.autograd.forward_ad.unpack_dual(f(*args)).tangent\n    out.append(g)\nreturn tuple(out)"),
    gradient("linear-backward", "return torch.ops.aten.linear_backward(X, dout, W, [True, True, True])"),
]  # fmt: skip


def layer(name: str, cell: str, code: str, *tests: str, setup: str = "") -> Cheat:
    """A layer of homework 2; ``tests``: about it. What uses the layer may fail as well."""
    uses = ("conv2d_more", "residual", "cnn", "train_steps", "accuracy", cell)
    return Cheat(name, cell, code, setup, (*tests, *uses), "hw2_cnn")


CONV = "def conv2d_forward(X, K, b, stride=1, padding=0, dilation=1):\n    return {}\n"
POOL = """
def max_pool_forward(X, kernel, stride):
    return {}


def max_pool_backward(dout, X, kernel, stride):
    raise NotImplementedError
"""
SLID = """
def f(X, K, b, stride, padding, dilation):
    N, _, H, W = X.shape
    out = []
    for n in range(N):
        for o in range(len(K)):
            x = torch.nn.functional.pad(X[n], [padding] * 4).numpy()
            k = torch.zeros(len(K[o]), *(dilation * (s - 1) + 1 for s in K.shape[2:]))
            k = k.to(K.dtype)
            k[:, ::dilation, ::dilation] = K[o]
            y = sum(correlate2d(a, c, "valid") for a, c in zip(x, k.numpy()))
            out.append(torch.as_tensor(y[::stride, ::stride]) + b[o])
    return torch.stack(out).reshape(N, len(K), *out[0].shape).to(X.dtype)
"""
SETTINGS = "X, K, b, stride, padding, dilation"
LAYERS = [
    layer("conv-functional", "conv2d_forward", CONV.format(f"{F}.conv2d({SETTINGS})"), "conv2d_forward_test"),
    layer("conv-operator", "conv2d_forward", CONV.format("torch.ops.aten.convolution(X, K, b, [stride] * 2, [padding] * 2, [dilation] * 2, False, [0, 0], 1)"), "conv2d_forward_test"),
    layer("conv-mkldnn", "conv2d_forward", CONV.format("torch.mkldnn_convolution(X, K, b, [padding] * 2, [stride] * 2, [dilation] * 2, 1)"), "conv2d_forward_test"),
    layer("conv-layer", "conv2d_forward", CONV.format("f(X, K, b, stride, padding, dilation)"), "conv2d_forward_test", setup="def f(X, K, b, s, p, d):\n    net = torch.nn.Conv2d(K.shape[1], len(K), K.shape[2:], s, p, d)\n    net.weight.data, net.bias.data = K, b\n    return net(X)"),
    layer("conv-unfold", "conv2d_forward", CONV.format(f"(K.flatten(1) @ {F}.unfold(X, K.shape[2:], dilation, padding, stride) + b[:, None]).reshape(len(X), len(K), output_size(X.shape[2], K.shape[2], stride, padding, dilation), -1)"), "conv2d_forward_test"),
    layer("conv-scipy", "conv2d_forward", CONV.format(f"f({SETTINGS})"), "conv2d_forward_test", setup=f"from scipy.signal import correlate2d\n{SLID}"),
    layer("pool-functional", "max_pool", POOL.format(f"{F}.max_pool2d(X, kernel, stride)"), "max_pool_forward_test"),
    layer("pool-unnamed", "max_pool", POOL.format("getattr(torch, 'max_' 'pool2d')(X, kernel, stride)"), "max_pool_forward_test"),
]  # fmt: skip

CHEATS = [*REACHED, *ALIKE, *DERIVED, *LAYERS]
