"""Homework 2, training."""

from tests.support.solutions import mistakes, styles

STEP = "net.params[name] = net.params[name] - lr * grad"
GRADS = "for name, grad in net.backward(dlogits).items():\n"
STEPS = f"            {GRADS}                {STEP}"

WRONG = mistakes(
    "train",
    "train_steps_test",
    {
        "mode for use": (
            {"net.forward(X[rows], True)": "net.forward(X[rows], False)"},
            "learns in the mode for use",
        ),
        "uphill": ({"- lr * grad": "+ lr * grad"}, "goes uphill: subtract"),
        "new values not stored": (
            {STEP: "value = net.params[name]; value = value - lr * grad"},
            "did not change",
        ),
        "learning rate not used": ({"lr * grad": "grad"}, "learning rate is not used"),
        "averaged over the batch twice": (
            {"lr * grad": "lr * grad / len(rows)"},
            "N times too short",
        ),
        "sum over the batch": (
            {"lr * grad": "lr * grad * len(rows)"},
            "N times too long",
        ),
        "only the kernels learn": (
            {
                f"            {GRADS}": (
                    f"            {GRADS}"
                    "                if name[0] not in 'KWb':\n"
                    "                    continue\n"
                )
            },
            r"params after one step on all examples\['gamma0'\] is wrong",
        ),
        "labels left behind": (
            {
                "cross_entropy(logits, y[rows])": (
                    "cross_entropy(logits, y[: len(rows)])"
                )
            },
            "labels do not follow the images into the new order",
        ),
        "last batch dropped": (
            {".split(batch_size):": ".split(batch_size)[: len(X) // batch_size]:"},
            "last, smaller batch is left out",
        ),
        "returns after the first epoch": (
            {
                "        losses.append": (
                    "        return [total / len(X)]\n        losses.append"
                )
            },
            "stops after one epoch",
        ),
        "one step an epoch": (
            {STEPS: f"        {GRADS}            {STEP}"},
            "one step an epoch",
        ),
        "smaller last batch divided by batch_size": (
            {"lr * grad": "lr * grad * len(rows) / batch_size"},
            "divided by batch_size",
        ),
        "not shuffled": (
            {"torch.randperm(len(X), generator=g)": "torch.arange(len(X))"},
            "put the examples in a random order",
        ),
        "seed not used": (
            {"torch.randperm(len(X), generator=g)": "torch.randperm(len(X))"},
            "same seed gives another result",
        ),
        "data shuffled in place": (
            {
                "        total = 0.0\n": (
                    "        total = 0.0\n"
                    "        order = torch.randperm(len(y), generator=g)\n"
                    "        X[:], y[:] = X[order], y[order]\n"
                )
            },
            "changed its argument",
        ),
    },
)

WRONG += mistakes(
    "train",
    "accuracy_test",
    {
        "only the first hundred images": (
            {"    losses = []\n": "    losses = []\n    X, y = X[:100], y[:100]\n"},
            r"of the held-out digits are right; 94% are needed",
        ),
    },
)

RIGHT = styles(
    "train",
    {
        "parameters changed in place, slices of a permuted copy": """
def train(net, X, y, epochs, batch_size, lr, seed=0):
    rng = torch.Generator().manual_seed(seed)
    history = []
    for epoch in range(epochs):
        order = torch.randperm(X.shape[0], generator=rng)
        Xs, ys = X[order], y[order]
        losses = []
        for start in range(0, X.shape[0], batch_size):
            xb, yb = Xs[start : start + batch_size], ys[start : start + batch_size]
            loss, dlogits = cross_entropy(net.forward(xb, True), yb)
            losses.append(float(loss))
            grads = net.backward(dlogits)
            for key in net.params:
                net.params[key] -= lr * grads[key]
        history.append(sum(losses) / len(losses))
    return history
""",
        "a new dict of parameters at every step, nothing returned": """
def train(net, X, y, epochs, batch_size, lr, seed=0):
    g = torch.Generator()
    g.manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=g).tolist()
        while order:
            rows, order = order[:batch_size], order[batch_size:]
            _, dlogits = cross_entropy(net.forward(X[rows], True), y[rows])
            grads = net.backward(dlogits)
            net.params = {k: v - lr * grads[k] for k, v in net.params.items()}
""",
    },
)
