"""Homework 1, the linear layer."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "linear_forward",
    "linear_forward_test",
    {
        "bias forgotten": ({"X @ W.T + b": "X @ W.T"}, "bias is not added"),
        "bias subtracted": ({"+ b": "- b"}, "bias is subtracted"),
        "weight not transposed": (
            {"W.T": "W"},
            r"shapes cannot be multiplied \(4x3 and 2x3\)",
        ),
        "result transposed": ({"X @ W.T + b": "(X @ W.T + b).T"}, "looks transposed"),
        "nothing returned": (
            {"return X @ W.T + b": "Y = X @ W.T + b"},
            "return statement missing",
        ),
        "divided by the batch size": (
            {"X @ W.T + b": "(X @ W.T + b) / len(X)"},
            "1/4 of what it should be",
        ),
    },
)

WRONG += mistakes(
    "linear_forward",
    "linear_more_test",
    {
        "squeezed, which drops a batch of one": (
            {"X @ W.T + b": "(X @ W.T + b).squeeze()"},
            r"a batch of 1.*dimensions of 1 \(keepdim",
        ),
        "view of a tensor that is not contiguous": (
            {"return": "X = X.view(-1).view(X.shape)\n    return"},
            "view size is not compatible",
        ),
        "always float32": (
            {"return X @ W.T + b": "return X.float() @ W.T.float() + b.float()"},
            "keep the input's dtype",
        ),
    },
)

WRONG += mistakes(
    "linear_backward",
    "linear_backward_test",
    {
        "weight gradient transposed": (
            {"dout.T @ X": "X.T @ dout"},
            r"dW has shape \(3, 2\), expected \(2, 3\)\. It looks transposed",
        ),
        "bias gradient not summed over the batch": (
            {"dout.sum(0)": "dout"},
            r"db has shape .* sum over the first \(batch\) dimension may be missing",
        ),
        "bias gradient summed over everything": (
            {"dout.sum(0)": "dout.sum()"},
            "db has shape .* summed or averaged over everything",
        ),
        "bias gradient averaged": (
            {"dout.sum(0)": "dout.mean(0)"},
            "db .*1/4 of what it should be",
        ),
        "bias gradient with keepdim": (
            {"dout.sum(0)": "dout.sum(0, keepdim=True)"},
            "db has shape .*keepdim",
        ),
        "weight gradient averaged over the batch": (
            {"dout.T @ X": "dout.T @ X / len(X)"},
            "dW .*1/4 of what it should be",
        ),
        "weight transposed on the way to the input": (
            {"dout @ W,": "dout @ W.T,"},
            "shapes cannot be multiplied",
        ),
        "gradients in another order": (
            {"dout @ W, dout.T @ X, dout.sum(0)": "dout.T @ X, dout.sum(0), dout @ W"},
            r"dX has shape \(2, 3\), expected \(4, 3\)",
        ),
        "only the gradients of the parameters": (
            {"dout @ W, dout.T": "dout.T"},
            r"must return \(dX, dW, db\): 3 values, not 2",
        ),
    },
)

WRONG += mistakes(
    "linear_backward",
    "linear_more_test",
    {
        "dout changed in place": (
            {"return": "dout /= len(dout)\n    dout *= len(dout) + 1\n    return"},
            "changed its argument 1 in place",
        ),
        "view of a transpose": (
            {"dout.sum(0)": "dout.view(-1).view(dout.shape).sum(0)"},
            "view size is not compatible",
        ),
    },
)

RIGHT = styles(
    "linear_forward",
    {
        "einsum": """
def linear_forward(X, W, b):
    return torch.einsum("ni,oi->no", X, W) + b[None, :]
""",
        "row by row": """
def linear_forward(X, W, b):
    rows = [W @ row + b for row in X]
    return torch.stack(rows)
""",
        "bias as an appended 1": """
def linear_forward(X, W, b):
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    return torch.cat([X, ones], 1) @ torch.cat([W, b[:, None]], 1).T
""",
    },
)

RIGHT += styles(
    "linear_backward",
    {
        "einsum": """
def linear_backward(dout, X, W):
    dX = torch.einsum("no,oi->ni", dout, W)
    dW = torch.einsum("no,ni->oi", dout, X)
    return dX, dW, torch.einsum("no->o", dout)
""",
        "outer products summed over the batch, as a list": """
def linear_backward(dout, X, W):
    dW = torch.zeros_like(W)
    db = torch.zeros_like(dout[0])
    dX = torch.empty_like(X)
    for n in range(len(X)):
        dX[n] = W.T @ dout[n]
        dW += torch.outer(dout[n], X[n])
        db += dout[n]
    return [dX, dW, db]
""",
    },
)
