"""Homework 1, training."""

from tests.support.solutions import mistakes, styles

UPDATE = "net.params[name] = net.params[name] - lr * grad"
UPDATES = f"            for name, grad in grads.items():\n                {UPDATE}"

WRONG = mistakes(
    "train",
    "train_steps_test",
    {
        "uphill": ({"- lr * grad": "+ lr * grad"}, "goes uphill: subtract"),
        "new values not stored": (
            {UPDATE: "weight = net.params[name]; weight = weight - lr * grad"},
            "did not change",
        ),
        "learning rate not used": ({"lr * grad": "grad"}, "learning rate is not used"),
        "step multiplied by the batch size": (
            {"lr * grad": "lr * grad * len(rows)"},
            "N times too long",
        ),
        "averaged over the batch twice": (
            {"lr * grad": "lr * grad / len(rows)"},
            "N times too short",
        ),
        "images shuffled, labels not": (
            {"logits, y[rows]))": "logits, y[:len(rows)]))"},
            "labels do not follow the images",
        ),
        "the last layer only": (
            {UPDATE: f"if name[1:] == '2':\n                    {UPDATE}"},
            r"params after one step on all examples\['W1'\] is wrong",
        ),
        "last batch dropped": (
            {".split(batch_size):": ".split(batch_size)[:len(X) // batch_size]:"},
            "last, smaller batch is left out",
        ),
        "last batch divided by batch_size": (
            {"lr * grad": "lr * grad * len(rows) / batch_size"},
            "divided by batch_size",
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
            {
                UPDATES: f"        for name, grad in grads.items():\n            {UPDATE}"
            },
            "one step an epoch",
        ),
        "gradients of earlier steps added": (
            {
                "    losses = []\n": "    losses, sums = [], {}\n",
                UPDATE: (
                    "sums[name] = sums.get(name, 0) + grad\n                "
                    "net.params[name] = net.params[name] - lr * sums[name]"
                ),
            },
            "earlier steps are added up",
        ),
        "not shuffled": (
            {"torch.randperm(len(X), generator=g)": "torch.arange(len(X))"},
            "put the examples in a random order",
        ),
        "seed not used": (
            {"torch.randperm(len(X), generator=g)": "torch.randperm(len(X))"},
            "same seed gives another result",
        ),
        "labels shuffled in place": (
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
        "always the first classes only": (
            {"y[rows]))": "y[rows].clamp(max=4)))"},
            r"of the held-out digits are right; 70% are needed",
        ),
        "learning rate halved after every step": (
            {UPDATE: UPDATE + "\n            lr = lr * (0.5 if len(X) > 50 else 1)"},
            r"of the held-out digits are right; 70% are needed",
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
            out = net.forward(xb)
            losses.append(float(cross_entropy_forward(out, yb)))
            grads = net.backward(cross_entropy_backward(out, yb))
            for key in net.params:
                net.params[key] -= lr * grads[key]
        history.append(sum(losses) / len(losses))
    return history
""",
        "a new dict of parameters at every step, nothing returned": """
def train(net, X, y, epochs, batch_size, lr, seed=0):
    g = torch.Generator()
    g.manual_seed(seed)
    N = len(X)
    for _ in range(epochs):
        order = torch.randperm(N, generator=g).tolist()
        while order:
            rows, order = order[:batch_size], order[batch_size:]
            logits = net.forward(X[rows])
            dlogits = cross_entropy_backward(logits, y[rows])
            grads = net.backward(dlogits)
            net.params = {k: v - lr * grads[k] for k, v in net.params.items()}
""",
    },
)
