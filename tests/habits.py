"""What students have in their notebooks beside their work: harmless, all of it.

Each is put into a homework that is solved, and must not cost a point
(`tests/test_habits.py`). A habit is the source of a cell of the student's own, or a
function that changes the notebook.
"""

import copy
import re
from collections.abc import Callable

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

Change = Callable[[NotebookNode], object]
# lines of a cell of one's own, just below the set-up
LINES = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch, torch.nn as nn, torch.optim as optim
from torch import nn, optim
from torch import nn, Tensor
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset, random_split
import torchvision
from torchvision import datasets, transforms
import numpy as np
import numpy as np, matplotlib.pyplot as plt
import scipy.stats as stats
import sklearn.metrics
import os, sys, time, math, random
import gc; gc.collect()
import logging; logging.basicConfig(level=logging.INFO); logging.info("hello")
import warnings; warnings.filterwarnings("ignore")
import warnings; warnings.warn("slow")
import inspect; print(inspect.signature(max))
import copy, pickle, json, types, functools, itertools, collections
import subprocess
import importlib
from importlib import reload
import pdb
import platform; print(platform.platform())
from pathlib import Path; here = Path(".")
from typing import Any, Callable, Optional, Union
from dataclasses import dataclass, field
from collections import defaultdict, OrderedDict, namedtuple
from functools import partial, lru_cache, reduce
from contextlib import contextmanager
from IPython.display import display
from IPython.display import HTML, Image, Markdown, clear_output
from IPython.display import clear_output; clear_output()
from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell; InteractiveShell.ast_node_interactivity = "all"
import ipywidgets as widgets
from tqdm import tqdm
from tqdm.notebook import tqdm
from tqdm.auto import tqdm, trange
import google.colab
import einops
import pandas as pd
import seaborn as sns; sns.set_theme()
import marimo as mo
import otter; grader = otter.Notebook()
import wandb; wandb.init(mode="disabled")
import torchinfo
torch.manual_seed(0)
torch.manual_seed(42); random_seed = 42
torch.backends.cudnn.deterministic = True; torch.backends.cudnn.benchmark = False
torch.set_printoptions(precision=4, sci_mode=False)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float32)
torch.use_deterministic_algorithms(True); torch.use_deterministic_algorithms(False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu"); print(device)
device = "mps" if torch.backends.mps.is_available() else "cpu"
print(torch.__version__, torch.cuda.is_available())
print(torch.__file__)
import numpy as np; np.random.seed(0); np.set_printoptions(precision=3)
import random; random.seed(0)
import sys; sys.path.append(".."); sys.path.insert(0, "/content")
import sys; print(sys.version, sys.executable)
import sys; sys.setrecursionlimit(5000)
import sys; IN_COLAB = "google.colab" in sys.modules
import os; os.environ["KMP_DUPLICATE_LIB_OK"] = "TRUE"
import os; print(os.getcwd(), os.listdir("."))
import os; os.makedirs("figures", exist_ok=True)
vars = {"a": 1}; print(vars["a"])
eval = 0.5; compile = None; input = torch.zeros(3); id = 7
locals_ = locals(); globals_ = globals()
list_ = [1, 2]; max_ = max(list_); type_ = type(list_)
dir(torch)[:3]
help(len)
print(eval("1 + 1"))
exec("one = 1")
getattr(torch, "zeros")(3)
name = "exp"; getattr(torch, name)(torch.ones(2))
p = torch.zeros(2); setattr(p, "grad", None)
p = torch.zeros(2); p.requires_grad_(False); print(p.requires_grad)
x = torch.randn(3, requires_grad=True); print(x.grad_fn)
print(torch.zeros(2).__dict__, torch.zeros(2).__class__.__name__)
lin = torch.nn.Linear(3, 2); print(lin.__dict__.keys())
lin = torch.nn.Linear(3, 2); print(lin(torch.zeros(1, 3)).shape)
print(torch.nn.functional.relu(torch.tensor([-1.0, 2.0])))
print(torch.softmax(torch.zeros(3), 0), torch.sigmoid(torch.zeros(1)))
opt = torch.optim.SGD([torch.zeros(2)], lr=0.1)
x = 3; assert x == 3, "no"; assert isinstance(x, int)
x: int = 3; names: list[str] = []
if __name__ == "__main__": print("run")
__author__ = "Ada"
_ = 3; __ = 4
X, y = torch.randn(4, 3), torch.arange(4)
g = torch.Generator().manual_seed(0)
net = None; data_ = None; check = None
lr, epochs, batch_size = 0.1, 3, 32
f = lambda x: x**2; print(f(3))
print([i**2 for i in range(3)], {i: i for i in range(2)})
start = __import__("time").time()
raise SystemExit
1 / 0
this_name_is_not_there
print("a" * 100_000)
for i in range(1000): print(i)
"ends in a string"
...
pass
# only a comment
!pip install torch
!pip install -q einops tqdm
!{sys.executable} -m pip install einops
!ls
!nvidia-smi
files = !ls
%pip install einops
%conda install einops
%matplotlib inline
%matplotlib widget
%matplotlib notebook
%config InlineBackend.figure_format = "retina"
%load_ext autoreload
%reload_ext autoreload
%load_ext tensorboard
%env CUDA_VISIBLE_DEVICES=0
%env
%debug
%pdb on
%cd /content
%pwd
%who
%time sum(range(9))
%timeit -n 1 -r 1 sum(range(9))
%lsmagic
?len
len?
""".strip().split("\n")  # fmt: skip
CELLS = {
    "autoreload": "%load_ext autoreload\n%autoreload 2\n%matplotlib inline",
    "time of a cell": "%%time\nx = 1",
    "a comment above time": "# how long?\n%%time\nx = 1",
    "capture": "%%capture\nprint(1)",
    "bash": "%%bash\nls",
    "html": "%%html\n<b>x</b>",
    "writefile": "%%writefile own.py\nx = 1",
    "a form of Colab": "#@title Settings { display-mode: 'form' }\nlr = 0.1  #@param {type:'number'}",
    "Drive": "from google.colab import drive\ndrive.mount('/content/drive')\n%cd /content/drive/MyDrive",
    "upload": "from google.colab import files\nuploaded = files.upload()",
    "try einops": "try:\n    import einops\nexcept ImportError:\n    einops = None",
    "try colab": "try:\n    import google.colab\n    COLAB = True\nexcept ImportError:\n    COLAB = False",
    "pandas": "try:\n    import pandas as pd\n    pd.set_option('display.max_rows', 5)\nexcept ImportError:\n    pass",
    "logger": "import logging\nlogger = logging.getLogger(__name__)\nlogger.setLevel('DEBUG')\nlogger.debug('x')",
    "dataclass": "from dataclasses import dataclass\n\n\n@dataclass\nclass Config:\n    lr: float = 0.1\n    n: int = 3\n\n\nconfig = Config()",
    "namedtuple": "from typing import NamedTuple\n\n\nclass P(NamedTuple):\n    x: float = 0.0",
    "enum": "import enum\n\n\nclass Mode(enum.Enum):\n    A = 1",
    "decorator": "import functools, time\n\n\ndef timed(f):\n    @functools.wraps(f)\n    def inner(*a, **k):\n        start = time.perf_counter()\n        value = f(*a, **k)\n        print(time.perf_counter() - start)\n        return value\n\n    return inner\n\n\n@timed\ndef slow():\n    return 1\n\n\nslow()",
    "context manager": "from contextlib import contextmanager\n\n\n@contextmanager\ndef quiet():\n    yield\n\n\nwith quiet():\n    pass",
    "seed everything": "import os, random\nimport numpy as np\n\n\ndef seed_everything(seed=0):\n    random.seed(seed)\n    os.environ['PYTHONHASHSEED'] = str(seed)\n    np.random.seed(seed)\n    torch.manual_seed(seed)\n    torch.cuda.manual_seed_all(seed)\n    torch.backends.cudnn.deterministic = True\n\n\nseed_everything(1)",
    "a loader": "from torch.utils.data import DataLoader, TensorDataset\nset_ = TensorDataset(torch.randn(8, 3), torch.arange(8))\nfor X, y in DataLoader(set_, batch_size=4, shuffle=True):\n    print(X.shape)",
    "a layer of PyTorch's": "import torch.nn as nn\n\n\nclass Theirs(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.lin = nn.Linear(3, 2)\n\n    def forward(self, x):\n        return torch.relu(self.lin(x))\n\n\nprint(Theirs()(torch.zeros(1, 3)))",
    "autograd by itself": "with torch.enable_grad():\n    t = torch.ones(2, requires_grad=True)\n    (t**2).sum().backward()\n    print(t.grad)",
    "no_grad": "with torch.no_grad():\n    print(torch.ones(2) * 2)",
    "a plot": "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2, 3])\nax.set_title('x')\nplt.tight_layout()\nplt.show()",
    "savefig": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png')\nplt.close('all')",
    "rcParams": "import matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = (6, 4)\nplt.style.use('ggplot')",
    "an animation of prints": "from IPython.display import clear_output\nfor i in range(3):\n    clear_output(wait=True)\n    print(i)",
    "a bar": "from tqdm import tqdm\nfor i in tqdm(range(5), desc='epochs', leave=False):\n    pass",
    "a bar by hand": "from tqdm.auto import tqdm\nwith tqdm(total=3) as bar:\n    for i in range(3):\n        bar.update(1)\n        bar.set_postfix(loss=i)",
    "main": "def main():\n    print('hi')\n\n\nif __name__ == '__main__':\n    main()",
    "own tests": "def test_mine():\n    assert 1 + 1 == 2\n\n\ntest_mine()",
    "unittest": "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        self.assertEqual(1, 1)\n\n\nunittest.main(argv=['x'], exit=False)",
    "doctest": "import doctest\n\n\ndef sq(x):\n    '''\n    >>> sq(2)\n    4\n    '''\n    return x * x\n\n\ndoctest.testmod()",
    "timing": "import time\nstart = time.time()\ntime.sleep(0.01)\nprint(f'{time.time() - start:.3f} s')",
    "timeit": "import timeit\nprint(timeit.timeit('1+1', number=10))",
    "profile": "import cProfile\ncProfile.run('sum(range(9))')",
    "pickle": "import pickle\npickle.loads(pickle.dumps({'a': 1}))",
    "torch.save": "torch.save({'a': torch.zeros(2)}, 'a.pt')\nprint(torch.load('a.pt'))",
    "a file": "with open('log.txt', 'w') as file:\n    file.write('x')\nprint(open('log.txt').read())",
    "json": "import json\njson.dump({'a': 1}, open('a.json', 'w'))",
    "warnings caught": "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')",
    "global": "counter = 0\n\n\ndef count():\n    global counter\n    counter += 1\n\n\ncount()",
    "a generator": "def batches(X, n):\n    for i in range(0, len(X), n):\n        yield X[i : i + n]\n\n\nprint(len(list(batches(range(9), 2))))",
    "async": "import asyncio\nawait asyncio.sleep(0)",
    "threads": "import threading\nt = threading.Thread(target=print, args=(1,))\nt.start()\nt.join()",
    "memory": "import gc\nbig = torch.zeros(1000, 1000)\ndel big\ngc.collect()\ntorch.cuda.empty_cache()",
    "help on a shape": "def shapes(**tensors):\n    for name, t in tensors.items():\n        print(f'{name:10} {tuple(t.shape)}')\n\n\nshapes(x=torch.zeros(2, 3))",
    "a class with magic methods": "class A:\n    def __getattr__(self, name):\n        return name\n\n    def __eq__(self, other):\n        return True\n\n    __hash__ = None\n\n\nprint(A().x)",
    "a walrus and a match": "if (n := 3) > 2:\n    match n:\n        case 3:\n            print('three')",
    "an unfinished cell": "def unfinished(:",
    "Python 3.12": 'd = {"a": 1}\nprint(f"{d["a"]}")',
    "a conflict of git": "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> theirs",
    "an old print": "print 'hello'",
    "an answer in prose": "The gradient is 3x².",
    "German names": "größe = 3\nα, β = 1, 2\nprint(größe, α)",
    "emoji": "print('✅ passed')",
    "tabs": "for i in range(2):\n\tprint(i)",
    "empty": "",
    "blank lines": "\n\n\n",
}  # fmt: skip


def _at(notebook: NotebookNode, name: str) -> int:
    return [cell.id for cell in notebook.cells].index(name)


def own(text: str, where: int | None = None) -> Change:
    """A cell of the student's own, just below the set-up or at a place."""

    def change(notebook: NotebookNode) -> None:
        place = _at(notebook, "setup") + 1 if where is None else where
        notebook.cells.insert(place, new_code_cell(text))

    return change


def first_solution(notebook: NotebookNode) -> NotebookNode:
    return next(c for c in notebook.cells if _entry(c).get("solution"))


def first_test(notebook: NotebookNode) -> NotebookNode:
    return next(c for c in notebook.cells if _entry(c).get("grade"))


def _entry(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def in_bodies(text: str) -> Change:
    """A line in front of each return of the solutions."""

    def change(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            if _entry(cell).get("solution"):
                cell.source = re.sub(
                    r"(?m)^( +)(?=return )", rf"\g<1>{text}\n\g<1>", cell.source
                )

    return change


def above_solution(text: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        cell = first_solution(notebook)
        cell.source = f"{text}\n{cell.source}"

    return change


def below_solution(text: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        cell = first_solution(notebook)
        cell.source = f"{cell.source}\n\n{text}"

    return change


def in_setup(text: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        notebook.cells[_at(notebook, "setup")].source += f"\n{text}"

    return change


def copied(find: Callable[[NotebookNode], NotebookNode], old="", new="") -> Change:
    """A copy of a cell, without its entry, with something changed."""

    def change(notebook: NotebookNode) -> None:
        cell = find(notebook)
        text = cell.source.replace(old, new, 1) if old else cell.source
        notebook.cells.insert(_at(notebook, cell.id) + 1, new_code_cell(text))

    return change


def setup(notebook: NotebookNode) -> NotebookNode:
    return notebook.cells[_at(notebook, "setup")]


def _cell_metadata(**fields: object) -> Change:
    def change(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            cell.metadata |= copy.deepcopy(fields)

    return change


def _without(*names: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            for name in names:
                cell.metadata.pop(name, None)

    return change


CHANGES: dict[str, Change] = {
    "a header at the top": own("import torch\nimport torch.nn as nn", where=0),
    "marimo at the top": own("import marimo as mo", where=0),
    "a shell line at the top": own("!pip install -q torch", where=0),
    "prints in functions": in_bodies("print('here')"),
    "assertions in functions": in_bodies("assert True, 'x'"),
    "an import in functions": in_bodies("import math"),
    "a warning in functions": in_bodies("import warnings; warnings.warn('w')"),
    "logging in functions": in_bodies("import logging; logging.info('x')"),
    "time in functions": in_bodies("import time; start = time.time()"),
    "a comment above the work": above_solution("# my solution"),
    "an import above the work": above_solution("import torch\nimport math"),
    "nn above the work": above_solution("import torch.nn as nn"),
    "a bar above the work": above_solution("from tqdm import tqdm"),
    "a magic above the work": above_solution("%matplotlib inline"),
    "a shell line above the work": above_solution("!pip install einops"),
    "time above the work": above_solution("%%time"),
    "a comment and time above the work": above_solution("# mine\n%%time"),
    "a title of Colab above the work": above_solution("#@title Exercise"),
    "a trial below the work": below_solution("print('tried')"),
    "a main below the work": below_solution("if __name__ == '__main__':\n    print(1)"),
    "a fault below the work": below_solution("1 / 0"),
    "an import in the set-up": in_setup("import os"),
    "a missing module in the set-up": in_setup("import einops"),
    "a seed in the set-up": in_setup("torch.manual_seed(3)"),
    "a copy of the set-up": copied(setup),
    "a copy of the set-up, changed": copied(setup, "import torch", "import  torch"),
    "a copy of a test": copied(first_test),
    "a copy of a test, changed": copied(first_test, "g = ", "gen = "),
    "a print in a test": lambda n: first_test(n).update(
        source=first_test(n).source + "\nprint('passed')"
    ),
    "a text edited": lambda n: n.cells[0].update(source=n.cells[0].source + "\n\nmine"),
    "a text deleted": lambda n: n.cells.pop(0),
    "a text added": lambda n: n.cells.insert(3, new_markdown_cell("# $x^2$ <b>")),
    "a raw cell": lambda n: n.cells.insert(3, new_raw_cell("raw")),
    "tags": _cell_metadata(tags=["mine"], collapsed=True),
    "Colab's metadata": _cell_metadata(id="abc", colab={"base_uri": "x"}, outputId="y"),
    "VS Code's metadata": _cell_metadata(vscode={"languageId": "python"}),
    "entries lost": _without("nbgrader"),
    "another kernel": lambda n: n.metadata.update(
        kernelspec={"name": "conda-base", "display_name": "base"}
    ),
}
HABITS: dict[str, Change] = {
    **{line: own(line) for line in LINES if line},
    **{name: own(text) for name, text in CELLS.items()},
    **CHANGES,
}
# those of which the other homeworks get a share, as training takes time
FEW = list(dict.fromkeys([*list(HABITS)[::12], *list(CHANGES)[::4]]))
