"""Homework 1, ReLU and sigmoid."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "relu",
    "relu_test",
    {
        "absolute value in place of the maximum": (
            {"x.clamp(min=0)": "x.abs()"},
            "Negative entries must become 0",
        ),
        "mask on the wrong side": ({"x > 0": "x < 0"}, "mask is on the wrong side"),
        "derivative at 0 is 1": (
            {"x > 0": "x >= 0"},
            r"at x = 0 is wrong\. The derivative there is to be 0, not 1",
        ),
        "upstream gradient forgotten": (
            {"dout * (x > 0)": "(x > 0).to(x.dtype)"},
            "does not use dout",
        ),
        "mask from dout": (
            {"dout * (x > 0)": "dout.clamp(min=0)"},
            "where dout is positive; it must go through where x is",
        ),
        "times x itself": (
            {"dout * (x > 0)": "dout * x.clamp(min=0)"},
            "multiplied by x, of which only the sign matters",
        ),
    },
)

WRONG += mistakes(
    "relu",
    "activations_more_test",
    {
        "input changed in place": (
            {"return x.clamp(min=0)": "x[x < 0] = 0\n    return x"},
            "relu_forward changed its argument 1 in place",
        ),
        "dout changed in place": (
            {"return dout * (x > 0)": "dout[x <= 0] = 0\n    return dout"},
            "relu_backward changed its argument 1 in place",
        ),
        "mask in float64 whatever the input": (
            {"dout * (x > 0)": "dout * (x > 0).double()"},
            "relu_backward returns torch.float64 for torch.float32 input",
        ),
    },
)

WRONG += mistakes(
    "sigmoid",
    "sigmoid_test",
    {
        "sign of the exponent": (
            {"torch.exp(-x)": "torch.exp(x)"},
            "sigmoid of −x: look at the sign",
        ),
        "overflow to inf / inf": (
            {"1 / (1 + torch.exp(-x))": "torch.exp(x) / (1 + torch.exp(x))"},
            r"sigmoid_forward\(±1000\) is wrong.*NaN",
        ),
        "sigmoid applied twice": (
            {
                "dout * y * (1 - y)": (
                    "dout * sigmoid_forward(y) * (1 - sigmoid_forward(y))"
                )
            },
            "sigmoid is applied twice",
        ),
        "upstream gradient forgotten": (
            {"dout * y * (1 - y)": "y * (1 - y)"},
            "does not use dout",
        ),
        "derivative of tanh": (
            {"dout * y * (1 - y)": "dout * (1 - y**2)"},
            "derivative of tanh",
        ),
        "minus sign of the inner derivative kept": (
            {"dout * y * (1 - y)": "-dout * y * (1 - y)"},
            "wrong sign",
        ),
    },
)

WRONG += mistakes(
    "sigmoid",
    "activations_more_test",
    {
        "dout changed in place": (
            {"return dout * y * (1 - y)": "dout *= y * (1 - y)\n    return dout"},
            "sigmoid_backward changed its argument 1 in place",
        ),
        "float32 whatever the input": (
            {"1 / (1 + torch.exp(-x))": "1 / (1 + torch.exp(-x.float()))"},
            "sigmoid_forward returns torch.float32 for torch.float64 input",
        ),
    },
)

RIGHT = styles(
    "relu",
    {
        "where": """
def relu_forward(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def relu_backward(dout, x):
    return torch.where(x > 0, dout, torch.zeros_like(dout))
""",
        "masks on clones": """
def relu_forward(x):
    out = x.clone()
    out[x < 0] = 0
    return out


def relu_backward(dout, x):
    dx = dout.clone()
    dx[x <= 0] = 0
    return dx
""",
        "half the sum with the absolute value": """
def relu_forward(x):
    return (x + x.abs()) / 2


def relu_backward(dout, x):
    return dout * x.sign().clamp(min=0)
""",
    },
)

RIGHT += styles(
    "sigmoid",
    {
        "two branches": """
def sigmoid_forward(x):
    e = torch.exp(-x.abs())  # never overflows
    return torch.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(dout, y):
    return (y - y**2) * dout
""",
        "by tanh": """
def sigmoid_forward(x):
    return (1 + torch.tanh(x / 2)) / 2


def sigmoid_backward(dout, y):
    slope = y * (1 - y)
    return dout.mul(slope)
""",
    },
)
