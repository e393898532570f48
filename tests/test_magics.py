"""Lines that every notebook has: shell, magics, progress bars, Colab. None stops a cell."""

import sys
import time

import pytest

from byhand.cells import newer_python, plain_python
from grader.judge.sandbox import Sandbox
from grader.judge.session import seed_of
from grader.wire import codec
from grader.wire.messages import Kit, Limits, Ran, Run, to_plain

# first lines after which a cell goes on
LINES = [
    "!pip install einops",
    "!pip install -q torch torchvision > /dev/null",
    "!{sys.executable} -m pip install einops",
    "!ls -la",
    "!ls -la \\\n  /tmp",
    "!nvidia-smi",
    "files = !ls",
    "files = %sx ls",
    "!!ls",
    "%pip install einops",
    "%pip install -q 'einops>=0.6'",
    "%conda install -y tqdm",
    "%matplotlib",
    "%matplotlib inline",
    "%matplotlib widget",
    "%matplotlib notebook",
    "%matplotlib ipympl",
    "%matplotlib qt",
    "%load_ext autoreload\n%autoreload 2",
    "%load_ext tensorboard\n%tensorboard --logdir runs",
    "%reload_ext nothing_like_it",
    "%env OMP_NUM_THREADS=1",
    "%env NOT_THERE",
    "%env",
    "%set_env A=b",
    "%config InlineBackend.figure_format = 'retina'",
    "%config InlineBackend.nothing = 1",
    "%config Nothing.at_all = 1",
    "%cd /content/drive/MyDrive",
    "%cd",
    "%pwd",
    "%ls",
    "%mkdir figures",
    "%debug",
    "%pdb on",
    "%who",
    "%whos",
    "%lsmagic",
    "%time 1 + 1",
    "%timeit -n 1 -r 1 sum(range(9))",
    "%time y = 3\nassert y == 3",
    "%precision 3",
    "%xmode Verbose",
    "%gui qt",
    "%run other.py",
    "%load other.py",
    "%history",
    "%pylab_of_tomorrow inline",
    "?print",
    "print?",
    "print??",
    "%%capture\nx = 0",
    "%%time\nx = 0",
    "%%timeit -n 1 -r 1\nx = 0",
    "%%bash\nls",
    "%%sh\nexit 3",
    "%%script false\nx",
    "%%html\n<b>hi</b>",
    "%%javascript\nalert(1)",
    "%%latex\n$x$",
    "%%markdown\n# hi",
    "%%writefile /tmp/own.py\nx = 1",
    "%%writefile /nowhere/own.py\nx = 1",
    "%%magic_of_an_extension\nx = 1",
    "import os\n%%time",
]
IMPORTS = [
    "from tqdm import tqdm\nassert list(tqdm([1, 2])) == [1, 2]",
    "from tqdm.notebook import tqdm\nassert list(tqdm(range(2), desc='a')) == [0, 1]",
    "from tqdm.auto import tqdm, trange\nassert sum(trange(4, leave=False)) == 6",
    "import tqdm\nassert list(tqdm.tqdm([3], total=1)) == [3]",
    "import tqdm.notebook as tn\nassert len(tn.tqdm([3])) == 1",
    "from tqdm.contrib import tenumerate\nassert list(tenumerate('a')) == [(0, 'a')]",
    "from tqdm import tqdm\nbar = tqdm(range(2))\nfor i in bar:\n"
    "    bar.set_description('x')\n    bar.set_postfix(loss=1.0)\nassert i == 1\nbar.close()",
    "from tqdm import tqdm\nwith tqdm(total=2) as bar:\n    bar.update(1)\n"
    "    bar.refresh()\ntqdm.write('hi')",
    "from tqdm import tqdm\nassert tqdm([], disable=True) is not None",
    "from google.colab import drive\ndrive.mount('/content/drive')",
    "from google.colab import drive\ndrive.mount('/content/drive', force_remount=True)\n"
    "drive.flush_and_unmount()",
    "from google.colab import files\nassert files.upload() == {}\nfiles.download('a.png')",
    "from google.colab import output\noutput.enable_custom_widget_manager()",
    "import google.colab",
    "from google.colab.patches import cv2_imshow",
    "from google.colab import userdata\nuserdata.get('KEY')",
    "import ipympl",
    "from IPython.display import HTML, Image, Markdown, clear_output, display\n"
    "display(HTML('<b>x</b>'))\ndisplay(Markdown('x'))\nclear_output(wait=True)",
    "try:\n    import google.colab\n    IN_COLAB = True\nexcept ImportError:\n"
    "    IN_COLAB = False",
    "from IPython import get_ipython\nget_ipython().run_line_magic('matplotlib', 'widget')",
    "import importlib.util\nimportlib.util.find_spec('tqdm')",
]


@pytest.fixture(scope="module")
def room():
    with Sandbox() as sandbox:
        sandbox.furnish(Kit())
        sandbox.wait()
        room = sandbox.room(Limits(), seed_of("magics"))
        yield room
        room.end()


def run(room, source: str) -> Ran:
    plain = plain_python(source) == source
    request = Run("cell", source, seconds=20, plain=plain)
    codec.send(room.connection, codec.pack(to_plain(request)))
    try:
        return Ran.from_room(codec.receive(room.connection, time.monotonic() + 30))
    except (TimeoutError, codec.WireError) as error:
        pytest.fail(f"{source!r}: {error}")


@pytest.mark.slow
def test_the_cell_goes_on(room):
    run(room, "import sys")
    stopped = {}
    for number, line in enumerate(LINES + IMPORTS):
        last = "" if line.startswith("%%") else f"\nreached = {number}"
        ran = run(room, f"{line}{last}")
        problem = ran.fault and f"{ran.fault.kind}: {ran.fault.words}"
        if not problem and last:
            check = run(room, f"assert reached == {number}")
            problem = check.fault and "it did not reach its last line"
        if not problem and len(ran.outputs) > 3:
            problem = f"it says {len(ran.outputs)} things"
        if problem:
            stopped[line] = problem
    assert not stopped


@pytest.mark.slow
@pytest.mark.parametrize(
    "above", ["# my cell\n", "\n\n", "# a\n\n#b\n", "  \n# a\n", ""]
)
def test_what_stands_above_a_cell_magic(room, above):
    for magic in ("%%time", "%%capture out", "%%capture"):
        ran = run(room, f"{above}{magic}\nvalue = {len(above)}\nprint(value)")
        assert ran.fault is None
        assert run(room, f"assert value == {len(above)}\ndel value").fault is None
        assert "%%" not in plain_python(f"{above}{magic}\nvalue = 1")


@pytest.mark.slow
def test_shell_lines_give_lists_and_say_so(room):
    ran = run(room, "x = !ls\nprint(len(x), x.n == '')")
    assert "(skipped when graded: !ls)" in str(ran.outputs)
    assert "0 True" in str(ran.outputs)
    ran = run(room, "!pip install einops")
    assert "(skipped when graded: !pip install einops)" in str(ran.outputs)


@pytest.mark.slow
def test_what_a_magic_runs_may_fail(room):
    ran = run(room, "%%time\n1 / 0")
    assert ran.fault.kind == "ZeroDivisionError"
    ran = run(room, "%time 1 / 0\nlater = 1")
    assert ran.fault.kind == "ZeroDivisionError"


@pytest.mark.slow
def test_a_module_that_is_missing_is_named(room):
    ran = run(room, "from nothing_like_it.parts import x")
    assert ran.fault.kind == "ModuleNotFoundError"
    assert "The grader has no module nothing_like_it" in ran.fault.words


NEWER = [
    ('x = f"{d["a"]}"', "3.12"),
    ("x = f'{', '.join(a)}'", "3.12"),
    ("x = f\"{'\\n'.join(a)}\"", "3.12"),
    ("type X = int", "3.12"),
    ("type Pair[T] = tuple[T, T]", "3.12"),
    ("def f[T](x: T) -> T:\n    return x", "3.12"),
    ("class A[T]:\n    pass", "3.12"),
    ("async def f[T](x):\n    pass", "3.12"),
    ("try:\n    pass\nexcept ValueError, TypeError:\n    pass", "3.14"),
    ('x = t"{y}"', "3.14"),
    ("x = rt'{y}'", "3.14"),
]
WRONG = ["x = = 2", "def f(:", "print 'hi'", 'f"{x"', "type x", "class A[", "x = 'a"]


@pytest.mark.parametrize(("source", "version"), NEWER)
def test_a_newer_python_is_named(source, version):
    if sys.version_info >= tuple(map(int, version.split("."))):
        pytest.skip("this Python knows it")
    with pytest.raises(SyntaxError) as caught:
        compile(source, "cell", "exec")
    assert newer_python(caught.value) == version


@pytest.mark.parametrize("source", WRONG)
def test_what_is_wrong_in_every_python_is_not(source):
    with pytest.raises(SyntaxError) as caught:
        compile(source, "cell", "exec")
    assert newer_python(caught.value) == ("3.12" if source == "class A[" else "")


@pytest.mark.slow
def test_the_room_says_which_python(room):
    ran = run(room, 'd = {"a": 1}\nprint(f"{d["a"]}")')
    needed = "This needs Python 3.12; the grader has 3.11"
    assert sys.version_info >= (3, 12) or needed in ran.fault.words
