"""Forbidden calls, hidden."""

from tests.attacks.attack import Attack, code_cell, linear, place

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
