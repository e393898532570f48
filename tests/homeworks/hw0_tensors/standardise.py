"""Homework 0, standardised columns."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "standardise",
    "standardise_test",
    {
        "std with its default": (
            {"(centred**2).mean(0).sqrt()": "X.std(0)"},
            "divided by N − 1",
        ),
        "the rows": (
            """
def standardise(X):
    centred = X - X.mean(1, keepdim=True)
    return centred / X.std(1, keepdim=True, correction=0)
""",
            "It works on the rows",
        ),
        "keepdim forgotten for the rows": (
            """
def standardise(X):
    return (X - X.mean(1)) / X.std(1, correction=0)
""",
            "must match the size",
        ),
        "one mean for the whole table": (
            """
def standardise(X):
    return (X - X.mean()) / X.std(correction=0)
""",
            "one mean and one deviation for the whole table",
        ),
        "mean not subtracted": (
            {"return centred": "return X"},
            "The mean is not subtracted",
        ),
        "deviation forgotten": (
            {"return centred / torch.where(sigma == 0, 1, sigma)": "return centred"},
            "not divided by the standard deviation",
        ),
        "variance instead of its root": ({".sqrt()": ""}, "divided by the variance"),
        "columns of equal numbers are NaN": (
            {"torch.where(sigma == 0, 1, sigma)": "sigma"},
            "columns of equal numbers is wrong.* NaN",
        ),
        "a large number added for safety": (
            {"torch.where(sigma == 0, 1, sigma)": "(sigma + 1e-3)"},
            "is wrong",
        ),
        "in place": (
            {"centred = X - X.mean(0)": "centred = X.sub_(X.mean(0))"},
            "changed its argument 1 in place",
        ),
        "result always float64": (
            {"return centred": "return centred.double()"},
            "keep the input's torch.float32",
        ),
    },
)

RIGHT = styles(
    "standardise",
    {
        "std with correction=0, keepdim, clone": """
def standardise(X):
    mean = X.mean(dim=0, keepdim=True)
    std = X.std(dim=0, correction=0, keepdim=True).clone()
    std[std == 0] = 1.0
    return (X - mean) / std
""",
        "column by column": """
def standardise(X):
    out = torch.zeros_like(X)
    for j in range(X.shape[1]):
        column = X[:, j]
        if (column != column[0]).any():
            out[:, j] = (column - column.mean()) / column.std(unbiased=False)
    return out
""",
        "nan_to_num": """
def standardise(X):
    mean = X.sum(0) / len(X)
    var = ((X - mean) ** 2).sum(0) / len(X)
    return torch.nan_to_num((X - mean) / var**0.5, nan=0.0)
""",
    },
)
