"""Homework 0, a linear model by gradient descent."""

from tests.support.solutions import mistakes, styles

SQUARED = "((X @ w + b - y) ** 2).mean()"
STEP = (
    "        with torch.no_grad():\n"
    "            w -= lr * w.grad\n"
    "            b -= lr * b.grad"
)
NEW_W = "X.new_zeros(X.shape[1], requires_grad=True)"

WRONG = mistakes(
    "fit",
    "fit_test",
    {
        "gradients not cleared": (
            {"        w.grad = b.grad = None\n": ""},
            "gradients of earlier steps are added up",
        ),
        "uphill": (
            {"w -= lr * w.grad": "w += lr * w.grad", "b -=": "b +="},
            "It goes uphill",
        ),
        "bias not learned": (
            {"            b -= lr * b.grad\n": ""},
            "The bias stays 0",
        ),
        "sum instead of mean": ({"** 2).mean()": "** 2).sum()"}, "The loss is the sum"),
        "half of the loss": ({SQUARED: f"{SQUARED} / 2"}, "a factor 1/2"),
        "predictions of shape (N, 1)": (
            {
                NEW_W: "X.new_zeros(X.shape[1], 1, requires_grad=True)",
                "return w.detach()": "return w.detach()[:, 0]",
            },
            "table of all pairs",
        ),
        "update recorded by autograd": (
            {STEP: "        w -= lr * w.grad\n        b -= lr * b.grad"},
            "leaf Variable that requires grad is being used in an in-place operation",
        ),
        "parameters replaced by results": (
            {"w -= lr * w.grad": "w = w - lr * w.grad", "b -= ": "b = b - "},
            "requires? grad|NoneType",
        ),
        "learning rate forgotten": (
            {"w -= lr * w.grad": "w -= w.grad", "b -= lr * b.grad": "b -= b.grad"},
            "The learning rate is not used",
        ),
        "one step only": (
            {"    return w.detach()": "        return w.detach()"},
            "stops after the first step",
        ),
        "one step too few": (
            {"range(steps)": "range(1, steps)"},
            "not moved from 0|one step too few",
        ),
        "one step too many": (
            {"range(steps)": "range(steps + 1)"},
            "one step too many",
        ),
        "bias of shape (1,)": (
            {"X.new_zeros((), ": "X.new_zeros(1, "},
            r"has shape \(1,\), expected \(\)",
        ),
        "parameters of the default dtype": (
            {NEW_W: "torch.zeros(X.shape[1], requires_grad=True)"},
            "expected .*have the same dtype|dtype",
        ),
        "absolute errors": (
            {SQUARED: "(X @ w + b - y).abs().mean()"},
            r"fit\(X, y, 0.1, 1\)\[0\] is wrong",
        ),
    },
)

RIGHT = styles(
    "fit",
    {
        "columns, a helper, data changed by copy_": """
def fit(X, y, lr, steps):
    w = torch.zeros(X.shape[1], 1, dtype=X.dtype, requires_grad=True)
    b = torch.zeros(1, dtype=X.dtype, requires_grad=True)
    targets = y.reshape(-1, 1)
    for step in range(steps):
        loss = torch.mean((X @ w + b - targets) ** 2)
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p.copy_(p - lr * p.grad)
                p.grad.zero_()
    return w.detach().flatten(), b.detach().squeeze()
""",
        "new leaves at every step": """
def fit(X, y, lr, steps):
    w, b = torch.zeros_like(X[0]), torch.zeros_like(y[0])
    for _ in range(steps):
        w, b = w.requires_grad_(), b.requires_grad_()
        loss = torch.dot(X @ w + b - y, X @ w + b - y) / len(y)
        dw, db = torch.autograd.grad(loss, [w, b])
        w, b = (w - lr * dw).detach(), (b - lr * db).detach()
    return w, b
""",
        "one vector for both, a list returned": """
def fit(X, y, lr, steps):
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    table = torch.cat([X, ones], dim=1)
    theta = torch.zeros(table.shape[1], dtype=X.dtype, requires_grad=True)
    for _ in range(steps):
        theta.grad = None
        error = table @ theta - y
        (error * error).mean().backward()
        theta.data -= lr * theta.grad
    theta = theta.detach()
    return [theta[:-1], theta[-1]]
""",
    },
)
