"""Homework 0, distances between all rows."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "distances",
    "distances_test",
    {
        "squares": ({".abs()": ".pow(2)"}, "The differences are squared"),
        "Euclidean": ({".abs().sum(2)": ".pow(2).sum(2).sqrt()"}, "Euclidean distance"),
        "mean": ({"sum(2)": "mean(2)"}, "mean over the columns"),
        "no absolute values": ({".abs()": ""}, "differences cancel"),
        "absolute value of the sum": (
            {".abs().sum(2)": ".sum(2).abs()"},
            "absolute values first",
        ),
        "transposed": (
            {"X[:, None] - Z[None]": "Z[:, None] - X[None]"},
            "wrong way round|looks transposed",
        ),
        "row against row only": (
            {"(X[:, None] - Z[None]).abs().sum(2)": "(X - Z).abs().sum(1)"},
            "must match the size",
        ),
        "summed over the rows of Z": ({"sum(2)": "sum(1)"}, "has shape"),
        "largest difference": ({"sum(2)": "amax(2)"}, "the largest difference"),
        "result always float64": (
            {"(X[:, None]": "(X.double()[:, None]"},
            "keep torch.float32",
        ),
    },
)

RIGHT = styles(
    "distances",
    {
        "row by row": """
def distances(X, Z):
    return torch.stack([(x - Z).abs().sum(1) for x in X])
""",
        "column by column, less memory": """
def distances(X, Z):
    D = X.new_zeros(len(X), len(Z))
    for k in range(X.shape[1]):
        D += torch.abs(X[:, k].unsqueeze(1) - Z[:, k].unsqueeze(0))
    return D
""",
        "expand and maximum minus minimum": """
def distances(X, Z):
    N, M, d = len(X), len(Z), X.shape[-1]
    a = X.unsqueeze(1).expand(N, M, d)
    b = Z.unsqueeze(0).expand(N, M, d)
    return (torch.maximum(a, b) - torch.minimum(a, b)).sum(dim=-1)
""",
    },
)
