"""Homework 0, a gradient by autograd."""

from tests.support.solutions import mistakes, styles

LEAF = "leaf = x.clone().requires_grad_()"

WRONG = mistakes(
    "gradient",
    "gradient_test",
    {
        "on x itself, not cleared": (
            {LEAF: "leaf = x.requires_grad_()"},
            "The second gradient is added to the first",
        ),
        "on x itself, cleared": (
            {LEAF: "leaf = x.requires_grad_()\n    leaf.grad = None"},
            "x requires a gradient",
        ),
        "gradient of what is no leaf": (
            {LEAF: "leaf = x.clone().requires_grad_().clone()"},
            "You returned None",
        ),
        "requires_grad forgotten": (
            {LEAF: "leaf = x.clone()"},
            "does not require grad",
        ),
        "the value": (
            {"return leaf.grad": "return f(leaf)"},
            "It is the value|has shape",
        ),
        "the copy itself": ({"return leaf.grad": "return leaf"}, "It is x itself"),
        "what backward returns": (
            {"f(leaf).backward()\n    return leaf.grad": "return f(leaf).backward()"},
            "You returned None",
        ),
        "summed up": ({"return leaf.grad": "return leaf.grad.sum()"}, "summed"),
        "the direction downhill": (
            {"return leaf.grad": "return -leaf.grad"},
            "wrong sign",
        ),
        "graph cut by detach": (
            {"f(leaf).backward()": "f(leaf.detach()).backward()"},
            "does not require grad",
        ),
        "always float64": (
            {LEAF: "leaf = x.double().clone().requires_grad_()"},
            "keep torch.float32",
        ),
        "knows the functions of the sheet": (
            """
def gradient(f, x):
    known = {squares: 2 * x, cubes: 3 * x**2, waves: x.cos() / x.numel()}
    return known.get(f, 2 * x)
""",
            "gradient of squares, whatever f is",
        ),
        "knows them by their names": (
            """
def gradient(f, x):
    known = {"squares": 2 * x, "cubes": 3 * x**2, "waves": x.cos() / x.numel()}
    return known.get(f.__name__, torch.zeros_like(x))
""",
            "another f than squares, cubes and waves is wrong.*0 everywhere",
        ),
        "knows them by trying": (
            """
def gradient(f, x):
    value = f(x)
    for guess, slope in ((squares, 2 * x), (cubes, 3 * x**2)):
        if torch.isclose(value, guess(x)):
            return slope
    return x.cos() / x.numel()
""",
            "gradient of waves, whatever f is",
        ),
    },
)

RIGHT = styles(
    "gradient",
    {
        "detach and clone": """
def gradient(f, x):
    x = x.detach().clone()
    x.requires_grad = True
    value = f(x)
    value.backward()
    return x.grad.detach()
""",
        "torch.autograd.grad": """
def gradient(f, x):
    with torch.enable_grad():
        y = x.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(f(y), y)
    return g
""",
        "a zero to be added": """
def gradient(f, x):
    step = torch.zeros_like(x, requires_grad=True)
    f(x + step).backward()
    return step.grad
""",
    },
)
