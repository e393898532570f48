"""Homework 0, minibatches."""

from tests.support.solutions import mistakes, styles

DEAL = "[(X[rows], y[rows]) for rows in order.split(batch_size)]"
SEED = "generator = torch.Generator().manual_seed(seed)"
PERMUTATION = "torch.randperm(len(X), generator=generator)"

WRONG = mistakes(
    "minibatches",
    "minibatches_test",
    {
        "last batch left out": (
            {
                "order.split(batch_size)": (
                    "order.split(batch_size)[: len(X) // batch_size]"
                )
            },
            "the last, smaller batch is left out",
        ),
        "drawn with replacement": (
            {PERMUTATION: "torch.randint(len(X), (len(X),), generator=generator)"},
            "randperm, not randint",
        ),
        "labels in their old order": (
            {
                DEAL: (
                    "[(X[rows], labels) for rows, labels in "
                    "zip(order.split(batch_size), y.split(batch_size))]"
                )
            },
            "do not belong together",
        ),
        "the first labels for every batch": (
            {DEAL: "[(X[rows], y[: len(rows)]) for rows in order.split(batch_size)]"},
            "all rows of X come, but 15 labels never come. Take the rows of y by the same",
        ),
        "an order for each": (
            {
                DEAL: (
                    "list(zip(X[order].split(batch_size), "
                    "y[torch.randperm(len(X), generator=generator)].split(batch_size)))"
                )
            },
            "do not belong together",
        ),
        "not shuffled": (
            {PERMUTATION: "torch.arange(len(X))"},
            "the order is not random",
        ),
        "shuffled in place": (
            {"    return ": "    X[:], y[:] = X[order], y[order]\n    return "},
            "changed its argument",
        ),
        "a generator instead of a list": (
            {DEAL: f"({DEAL[1:-1]})"},
            "must be a list of tuples",
        ),
        "turned round": (
            {PERMUTATION: "torch.arange(len(X)).flip(0)"},
            "order is not random: .* places further in the data",
        ),
        "rotated by the seed": (
            {PERMUTATION: "torch.arange(len(X)).roll(seed + 1)"},
            "order is not random: .* places further in the data",
        ),
        "images without labels": (
            {"(X[rows], y[rows])": "X[rows]"},
            "every batch must be a tuple",
        ),
        "batch_size taken for the number of batches": (
            {"order.split(batch_size)": "order.chunk(batch_size)"},
            "have sizes",
        ),
        "only the first batch": ({DEAL: f"{DEAL}[:1]"}, "have sizes"),
    },
)

WRONG += mistakes(
    "minibatches",
    "minibatches_seed_test",
    {
        "generator not used": (
            {PERMUTATION: "torch.randperm(len(X))"},
            "The same seed gives another order",
        ),
        "always the same seed": (
            {SEED: "generator = torch.Generator().manual_seed(0)"},
            "Two seeds give the same order",
        ),
    },
)

RIGHT = styles(
    "minibatches",
    {
        "slices of a permuted copy": """
def minibatches(X, y, batch_size, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    order = torch.randperm(X.shape[0], generator=g)
    X, y = X[order], y[order]
    batches = []
    for start in range(0, len(X), batch_size):
        batches.append((X[start : start + batch_size], y[start : start + batch_size]))
    return batches
""",
        "split and zip": """
def minibatches(X, y, batch_size, seed):
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    return list(zip(X[order].split(batch_size), y[order].split(batch_size)))
""",
        "Python's own shuffle, lists of two": """
def minibatches(X, y, batch_size, seed):
    import random

    rows = list(range(len(X)))
    random.Random(seed).shuffle(rows)
    found = []
    while rows:
        batch, rows = rows[:batch_size], rows[batch_size:]
        found.append([X[batch], y[batch]])
    return found
""",
    },
)
