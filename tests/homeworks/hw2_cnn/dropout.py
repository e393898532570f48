"""Homework 2, dropout."""

from tests.support.solutions import mistakes, styles

FACTOR = "self.factor = kept.to(X.dtype) / (1 - self.p)"

WRONG = mistakes(
    "dropout",
    "dropout_test",
    {
        "what stays is not scaled": (
            {FACTOR: "self.factor = kept.to(X.dtype)"},
            "forward in training is wrong. What stays is not scaled",
        ),
        "multiplied by 1 − p": (
            {"/ (1 - self.p)": "* (1 - self.p)"},
            "multiplied by 1 − p: divide",
        ),
        "divided by p": (
            {"/ (1 - self.p)": "/ self.p"},
            "divided by p: divide by the probability of staying",
        ),
        "p taken as the probability of staying": (
            {">= self.p": "< self.p", "/ (1 - self.p)": "/ self.p"},
            "p is the probability that an entry is dropped",
        ),
        "active in use": (
            {"        if training:": "        if True:"},
            r"forward in use \(training=False\) is wrong",
        ),
        "scaled in use, not in training": (
            {
                FACTOR: "self.factor = kept.to(X.dtype)",
                "return X * self.factor": (
                    "return X * self.factor * (1 if training else 1 - self.p)"
                ),
            },
            "In use there is nothing to scale",
        ),
        "does nothing": (
            {"        if training:": "        if False:"},
            "drops nothing",
        ),
        "a new mask on the way back": (
            {"return dout * self.factor": "return self.forward(dout, True)"},
            "backward after a forward in use|does not use the mask of forward",
        ),
        "a new mask on the way back in training": (
            {
                "return dout * self.factor": (
                    "return self.forward(dout, not torch.all(self.factor == 1))"
                )
            },
            "does not use the mask of forward",
        ),
        "gradient not scaled": (
            {"return dout * self.factor": "return dout * (self.factor > 0)"},
            "scaled in forward, so the gradient is too",
        ),
        "everything gets through on the way back": (
            {"return dout * self.factor": "return dout"},
            "does not use the mask of forward",
        ),
        "mask of an earlier forward after one in use": (
            {
                "        self.factor = torch.ones_like(X)\n        if training:": (
                    "        if not training:\n"
                    "            return X\n        if training:"
                ),
                "return dout * self.factor": "return dout * getattr(self, 'factor', 1)",
            },
            "backward after the latest forward, in use",
        ),
        "one mask for the whole batch": (
            {
                "torch.rand(X.shape,": "torch.rand(X.shape[1:],",
                FACTOR: "self.factor = kept.expand(X.shape).to(X.dtype) / (1 - self.p)",
            },
            "All slices along dimension 0 have the same mask",
        ),
        "same mask at every call": (
            {
                "            kept": (
                    "            self.generator.manual_seed(0)\n            kept"
                )
            },
            "must draw a new mask",
        ),
        "seed not used": ({"manual_seed(seed)": "manual_seed(0)"}, "use the seed"),
        "global random numbers": (
            {
                "torch.Generator().manual_seed(seed)": "torch.manual_seed(seed)",
                "generator=self.generator": "generator=None",
            },
            "draws with a generator of its own",
        ),
        "mask shared by all layers": (
            {
                FACTOR: FACTOR.replace("self.factor", "Dropout.factor"),
                "        self.factor = torch.ones_like(X)\n": (
                    "        Dropout.factor = torch.ones_like(X)\n"
                ),
            },
            "each keeps its own mask",
        ),
        "input changed in place": (
            {"return X * self.factor": "X *= self.factor\n        return X"},
            "is wrong|changed its argument|must draw",
        ),
        "mask of float32 whatever the input": (
            {"return X * self.factor": "return (X * self.factor).float()"},
            "keep the dtype",
        ),
    },
)

RIGHT = styles(
    "dropout",
    {
        "bernoulli, mask kept as booleans": """
class Dropout:
    def __init__(self, p, seed=0):
        self.keep = 1 - p
        self.g = torch.Generator()
        self.g.manual_seed(seed)
        self.mask = None

    def forward(self, X, training):
        self.mask = None
        if not training:
            return X
        probabilities = torch.full(X.shape, float(self.keep))
        self.mask = torch.bernoulli(probabilities, generator=self.g).bool()
        return torch.where(self.mask, X / self.keep, torch.zeros_like(X))

    def backward(self, dout):
        if self.mask is None:
            return dout
        return torch.where(self.mask, dout / self.keep, torch.zeros_like(dout))
""",
        "dropped entries set to 0 in a clone": """
class Dropout:
    def __init__(self, p, seed=0):
        self.p, self.rng = p, torch.Generator().manual_seed(seed)

    def forward(self, X, training):
        self.training = training
        out = X.clone()
        if training:
            self.dropped = torch.rand(X.shape, generator=self.rng) < self.p
            out[self.dropped] = 0
            out /= 1 - self.p
        return out

    def backward(self, dout):
        dX = dout.clone()
        if self.training:
            dX[self.dropped] = 0
            dX /= 1 - self.p
        return dX
""",
    },
)
