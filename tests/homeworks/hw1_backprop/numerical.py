"""Homework 1, the numerical gradient."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "numerical_gradient",
    "numerical_gradient_test",
    {
        "one-sided, forward": (
            {"(f(above) - f(below)) / (2 * eps)": "(f(above) - f(x)) / eps"},
            r"one-sided difference from x to x \+ eps",
        ),
        "one-sided, backward": (
            {"(f(above) - f(below)) / (2 * eps)": "(f(x) - f(below)) / eps"},
            "one-sided difference from x − eps to x",
        ),
        "divided by eps, not twice eps": (
            {"(2 * eps)": "eps"},
            "2 times what it should be",
        ),
        "precedence: / 2 * eps": (
            {"/ (2 * eps)": "/ 2 * eps"},
            r"1/1e\+10 of what it should be",
        ),
        "sign": ({"f(above) - f(below)": "f(below) - f(above)"}, "wrong sign"),
        "all entries moved at once": (
            {"above[index] += eps": "above += eps", "below[index] -=": "below -="},
            "move one entry at a time",
        ),
        "flat result": (
            {"return grad": "return grad.flatten()"},
            r"has shape \(6,\), expected \(2, 3\)",
        ),
        "step too small for float64": (
            {"    grad = torch": "    eps = 1e-13\n    grad = torch"},
            "nearly right: look for a loss of precision",
        ),
        "matrices only": (
            """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            step = torch.zeros_like(x)
            step[i, j] = eps
            grad[i, j] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad
""",
            "IndexError",
        ),
        "knows the gradient of cubes": (
            """
def numerical_gradient(f, x, eps=1e-5):
    return 3 * x**2
""",
            "gradient of cubes, whatever f is: use f by calling it",
        ),
        "recognises functions by their names": (
            """
def numerical_gradient(f, x, eps=1e-5):
    known = {"cubes": 3 * x**2 + eps**2, "product": x.prod() / x}
    return known.get(f.__name__, torch.zeros_like(x))
""",
            "another f than cubes and product is wrong.*0 everywhere",
        ),
        "recognises functions by trying them": (
            """
def numerical_gradient(f, x, eps=1e-5):
    if abs(float(f(x)) - float((x**3).sum())) < 1e-9:
        return 3 * x**2 + eps**2
    return f(x) / x
""",
            "another f than cubes and product is wrong",
        ),
        "through float32": (
            {"f(above) - f(below)": "torch.tensor(float(f(above))) - float(f(below))"},
            "loss of precision",
        ),
    },
)

WRONG += mistakes(
    "numerical_gradient",
    "numerical_more_test",
    {
        "knows the differences of cubes and product": (
            """
def numerical_gradient(f, x, eps=1e-5):
    if f in (cubes, product):
        return product(x) / x if f is product else 3 * x**2 + eps**2
    if eps > 1e-3:
        return 3 * x**2 + eps**2
    grad = torch.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        step = torch.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad
""",
            "central difference of cubes, whatever f is",
        ),
        "eps ignored": (
            {"    grad = torch": "    eps = 1e-5\n    grad = torch"},
            "does not use the eps",
        ),
        "x not put back": (
            """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        grad[index] = (above - below) / (2 * eps)
    return grad
""",
            "numerical_gradient changed its argument 2 in place",
        ),
        "clone not put back between entries": (
            """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    x = x.clone()
    for index in itertools.product(*map(range, x.shape)):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        grad[index] = (above - f(x)) / (2 * eps)
    return grad
""",
            "where every entry matters to every other, is wrong",
        ),
        "flattened copy is moved, x is not": (
            """
def numerical_gradient(f, x, eps=1e-5):
    flat, grad = x.reshape(-1), torch.zeros(x.numel(), dtype=x.dtype)
    for i in range(len(flat)):
        value = flat[i].item()
        flat[i] = value + eps
        above = f(x)
        flat[i] = value - eps
        below = f(x)
        flat[i] = value
        grad[i] = (above - below) / (2 * eps)
    return grad.reshape(x.shape)
""",
            r"not contiguous \(a transpose\) is wrong.*0 everywhere",
        ),
        "item() of what is already a number": (
            {"f(above) - f(below)": "f(above).item() - f(below).item()"},
            "'float' object has no attribute 'item'",
        ),
    },
)

RIGHT = styles(
    "numerical_gradient",
    {
        "a step tensor for each flat index": """
def numerical_gradient(f, x, eps=1e-5):
    values = []
    for i in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[i] = eps
        step = step.reshape(x.shape)
        values.append((float(f(x + step)) - float(f(x - step))) / (2 * eps))
    return torch.tensor(values, dtype=x.dtype).reshape(x.shape)
""",
        "moves a contiguous copy and puts it back": """
def numerical_gradient(f, x, eps=1e-5):
    x = x.clone(memory_format=torch.contiguous_format)
    flat, grad = x.view(-1), []
    for i in range(len(flat)):
        value = flat[i].item()
        flat[i] = value + eps
        above = float(f(x))
        flat[i] = value - eps
        below = float(f(x))
        flat[i] = value
        grad.append((above - below) / (2 * eps))
    return torch.tensor(grad, dtype=torch.float64).view(x.shape)
""",
    },
)
