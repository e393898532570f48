"""Cells are read alike everywhere: names, what only defines, and what nobody can read."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byhand import cells

DEEP = "x = " + "-" * 100_000 + "1"


@pytest.mark.parametrize(
    ("source", "uses", "binds"),
    [
        ("y = x + 1", {"x"}, {"y"}),
        ("x = x + 1", set(), {"x"}),  # as a cell of its own, it gets it from nowhere
        ("def f(a, b=c):\n    d = a\n    return d + e", {"c", "e"}, {"f"}),
        ("def f():\n    global g, i\n    g = h\n    i += 1", {"h"}, {"f", "g", "i"}),
        ("class A(B):\n    c = d\n    def m(self):\n        return E", {"B", "d", "E"}, {"A"}),
        ("import torch.nn as nn, math\nfrom a import b as c", set(), {"nn", "math", "c"}),
        ("for i in range(n):\n    print(i)", {"n"}, {"i"}),
        ("[j for j in k if j]", {"k"}, set()),
        ("with a as b:\n    pass", {"a"}, {"b"}),
        ("lambda p: p + q", {"q"}, set()),
        ("(w := v)", {"v"}, {"w"}),
        ("x.y = z", {"x", "z"}, set()),
        ("%matplotlib inline\na = b", {"b", "get_ipython"}, {"a"}),
        ("def (:", set(), set()),
        ("x = '\0'", set(), set()),
        (DEEP, set(), set()),
        ("", set(), set()),
    ],
)  # fmt: skip
def test_names(source, uses, binds):
    assert cells.names(source) == (uses, binds)


@pytest.mark.parametrize("source", ["x = 1", "%time x", "!ls", "x = y = 2 # ?"])
def test_what_is_python_after_ipython(source):
    compile(cells.parse(source), "cell", "exec")
    assert (cells.tree(source) is None) == (source[0] in "%!")


@pytest.mark.parametrize(
    "source", ["def (:", "x = '\0'", DEEP, "y = " + "a." * 30_000 + "b"]
)
def test_what_nobody_can_read(source):
    assert cells.tree(source) is None
    assert not cells.only_defines(source)
    assert cells.defined(source) == set()
    with pytest.raises(cells.UNREADABLE):
        cells.parse(source)


def test_what_is_defined():
    source = (
        "def f(): pass\nclass A:\n    def m(self): pass\nasync def g(): pass\nx = 1"
    )
    assert cells.defined(source) == {"f", "A", "g"}
    assert cells.defined("class A:\n  pass\n%magic\ndef f(x):\n  return (") == {
        "A",
        "f",
    }


@pytest.mark.parametrize(
    "source",
    [
        "",
        "'''Words.'''\nimport math\nfrom torch import nn",
        "x = y = 2 * math.pi, -1\nz: int = 3\nw: float",
        "def f(x: Tensor, *, y: int | None = 2) -> list[int]:\n    return g(x)",
        "class Net(nn.Module):\n    '''Words.'''\n    size: int = 3\n"
        "    def forward(self, x):\n        return self.f(x)\n"
        "    @property\n    def n(self): return g()\n    @staticmethod\n    def s(): pass",
        "@dataclass\nclass P:\n    x: 'Tensor'\n    y: Callable[[Tensor], Tensor] = f",
    ],
)
def test_only_defines(source):
    assert cells.only_defines(source)


@pytest.mark.parametrize(
    "source",
    [
        *("f()", "x", "x = f()", "x = y[0]", "x = [y]", "x[0] = 1", "x.y = 1", "x += 1"),
        *("x: f() = 1", "x: int = f()", "x = f'{y}'", "x = (y := 1)", "x = y < z"),
        *("x = lambda: 1", "x = y if z else w", "x = [i for i in y]", "del x"),
        *("def f(x=g()): pass", "def f(*, x=g()): pass", "def f(x: g()): pass"),
        *("def f() -> g(): pass", "def f(*a: g()): pass", "def f(**k: g()): pass"),
        *("def f(x: int, y: g(), /): pass", "async def f(): pass"),
        *("@g\ndef f(): pass", "@a.property\ndef f(): pass", "@g()\ndef f(): pass"),
        *("class A(f()): pass", "class A(metaclass=M): pass", "class A(B, x=1): pass"),
        *("class A:\n    f()", "class A:\n    x: f()", "@g\nclass A: pass"),
        *("for x in y: pass", "if x: pass", "with x: pass", "try:\n  pass\nfinally:\n  f()"),
        *("assert x", "raise x", "%time x = 1", "!ls", "global x"),
    ],
)  # fmt: skip
def test_does_more_than_to_define(source):
    assert not cells.only_defines(source)


RAN: list[str] = []


class Spy:
    """Notes when something of it runs; to look it up and to count with it is free."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def _free(self, *_):
        return self

    __add__ = __radd__ = __neg__ = __or__ = __ror__ = __getitem__ = _free


def _noting(name):
    def run(self, *_, **__):
        RAN.append(name)
        return self

    return run


for _name in (
    "call",
    "iter",
    "lt",
    "enter",
    "format",
    "bool",
    "setitem",
    "iadd",
    "hash",
):
    setattr(Spy, f"__{_name}__", _noting(_name))

NAME = st.sampled_from(["a", "b", "c"])
EXPRESSION = st.recursive(
    NAME | st.sampled_from(["1", "'s'", "None", "()"]),
    lambda part: st.one_of(
        st.builds("{}.x".format, part),
        st.builds("(-{})".format, part),
        st.builds("({} + {})".format, part, part),
        st.builds("({}, {})".format, part, part),
        st.builds("{}({})".format, NAME, part),
        st.builds("{}[{}]".format, NAME, part),
        st.builds("[{}]".format, part),
        st.builds("{{{}: 1}}".format, part),
        st.builds("({} < {})".format, part, part),
        st.builds("({} if {} else {})".format, part, part, part),
        st.builds("(lambda v={}: v())".format, part),
        st.builds("[v for v in {}]".format, part),
        st.builds("f'{{{}}}'".format, NAME),
        st.builds("(v := {})".format, part),
    ),
    max_leaves=3,
)
STATEMENT = st.recursive(
    st.one_of(
        EXPRESSION,
        st.builds("{} = {}".format, NAME, EXPRESSION),
        st.builds("{}: {} = {}".format, NAME, EXPRESSION, EXPRESSION),
        st.builds("{}: {}".format, NAME, EXPRESSION),
        st.builds("{} += {}".format, NAME, EXPRESSION),
        st.builds("{}[0] = {}".format, NAME, EXPRESSION),
        st.builds("assert {}".format, EXPRESSION),
        st.builds(
            "def f(p: {} = {}, *, k: {} = {}) -> {}: return a()".format,
            *(EXPRESSION, EXPRESSION, EXPRESSION, EXPRESSION, EXPRESSION),
        ),
        st.builds(
            "@{}\ndef f(): pass".format, st.sampled_from(["a", "a.x", "property"])
        ),
        st.just("import math"),
    ),
    lambda body: st.builds(
        "{}class C({}):\n    {}".format,
        st.sampled_from(["", "", "@a\n"]),
        st.sampled_from(["", "Base", "Base, metaclass=a", "Base, k=1", "a()"]),
        st.lists(body, min_size=1, max_size=2).map(
            lambda parts: "\n".join(parts).replace("\n", "\n    ")
        ),
    ),
    max_leaves=3,
)


class Base:
    def __init_subclass__(cls, **_):
        pass


@settings(max_examples=200, deadline=None)
@given(st.lists(STATEMENT, min_size=1, max_size=3).map("\n".join))
def test_what_only_defines_calls_nothing(source):
    if cells.only_defines(source):
        RAN.clear()
        names = {"a": Spy(), "b": Spy(), "c": Spy(), "Base": Base}
        with contextlib.suppress(Exception):  # TypeError: 1.x, …
            exec(source, names)
        assert RAN == [], source
