"""Homework 2, the network."""

from tests.support.solutions import mistakes, styles

DROP = """\
        self.H = self.dropout.forward(features.flatten(1), training)
        return self.H @"""

WRONG = mistakes(
    "cnn",
    "cnn_init_test",
    {
        "same seed for all kernels": (
            {"10 * seed + 1": "10 * seed", "10 * seed + 2": "10 * seed"},
            "K1 and K2 are the same numbers",
        ),
        "seed not used": (
            {"C = channels": "C, seed = channels, 0"},
            "Another seed gives the same K0",
        ),
        "gamma starts at 0": (
            {"torch.ones(C)": "torch.zeros(C)"},
            "gamma0 at the start is wrong",
        ),
        "random W": (
            {
                "torch.zeros(10, C * (size // 4) ** 2)": (
                    "he_init((10, C * (size // 4) ** 2), 10 * seed + 3)"
                )
            },
            "W at the start is wrong",
        ),
        "pixels forgotten in the size of W": (
            {"C * (size // 4) ** 2": "C * (size // 4)"},
            r"W has shape \(10, 8\), expected \(10, 16\)",
        ),
        "W of shape (d, 10)": (
            {
                "torch.zeros(10, C * (size // 4) ** 2)": (
                    "torch.zeros(C * (size // 4) ** 2, 10)"
                ),
                'P["W"].T': 'P["W"]',
            },
            r"W has shape \(16, 10\), expected \(10, 16\)",
        ),
        "batch norms of the block without parameters": (
            {"for k in range(3):": "for k in range(1):"},
            "params must have the keys",
        ),
        "kernels not by he_init": (
            {
                "he_init((C, C, 3, 3), 10 * seed + 2)": (
                    "torch.randn(C, C, 3, 3, generator=torch.Generator()"
                    ".manual_seed(10 * seed + 2))"
                )
            },
            "K2 has .*times the variance of he_init",
        ),
    },
)

WRONG += mistakes(
    "cnn",
    "cnn_forward_test",
    {
        "first ReLU forgotten": (
            {"self.A = Z.clamp(min=0)": "self.A = Z"},
            "first ReLU is missing",
        ),
        "bias forgotten": ({' + P["b"]': ""}, "bias b is not added"),
        "flattened with the channels last": (
            {
                "features.flatten(1), training": (
                    "features.permute(0, 2, 3, 1).flatten(1), training"
                )
            },
            "flattened in another order",
        ),
        "stride forgotten": (
            {'len(P["K0"])), 2, 1)': 'len(P["K0"])), 1, 1)'},
            "shapes cannot be multiplied|size mismatch",
        ),
        "padding forgotten": (
            {'len(P["K0"])), 2, 1)': 'len(P["K0"])), 2, 0)'},
            "shapes cannot be multiplied|size mismatch",
        ),
        "always in training": (
            {"        P = self.params\n": "        P, training = self.params, True\n"},
            "hand training on to all layers",
        ),
        "dropout forgotten": (
            {
                "self.dropout.forward(features.flatten(1), training)": (
                    "features.flatten(1)"
                ),
                'self.dropout.backward(dout @ self.params["W"])': (
                    'dout @ self.params["W"]'
                ),
            },
            r"0% of the features are dropped",
        ),
        "dropout active in use": (
            {"features.flatten(1), training)": "features.flatten(1), True)"},
            "forward in use, with p > 0, is wrong",
        ),
        "p not used": (
            {"Dropout(p, seed)": "Dropout(0.5, seed)"},
            "forward in training, batch 1, is wrong",
        ),
        "copies of the parameters used": (
            {
                "        self.dropout = Dropout": (
                    "        self.kept = dict(self.params)\n"
                    "        self.dropout = Dropout"
                ),
                "P = self.params\n": "P = self.kept\n",
            },
            "is wrong|dtype|expected",
        ),
    },
)

WRONG += mistakes(
    "cnn",
    "cnn_backward_test",
    {
        "first ReLU skipped on the way back": (
            {"dA * (self.A > 0)": "dA"},
            "way back skips the first ReLU",
        ),
        "dropout skipped on the way back": (
            {
                'self.dropout.backward(dout @ self.params["W"])': (
                    'dout @ self.params["W"]'
                )
            },
            "way back skips dropout",
        ),
        "gradient of W by the features before dropout": (
            {
                DROP: (
                    "        self.H = features.flatten(1)\n"
                    "        return self.dropout.forward(self.H, training) @"
                )
            },
            r"W \(p = 0\.5\) is wrong",
        ),
        "block's gradients left out": (
            {"return grads | of_block": "return grads"},
            "no entry for K1, K2, beta1, beta2, gamma1, gamma2",
        ),
        "divided by the batch size": (
            {
                '        grads = {"W"': (
                    '        dout = dout / len(dout)\n        grads = {"W"'
                )
            },
            "divided by the batch size: the loss has done that already",
        ),
        "gradients pile up": (
            {
                "return grads | of_block": (
                    "grads |= of_block\n"
                    "        for name, old in getattr(self, 'grads', {}).items():\n"
                    "            grads[name] = grads[name] + old\n"
                    "        self.grads = grads\n"
                    "        return grads"
                )
            },
            "added to those of the call before",
        ),
        "shared by all networks": (
            {"        self.A = Z": "        CNN.A = Z"},
            "after a forward of another network",
        ),
        "parameters updated in backward": (
            {
                "return grads | of_block": (
                    "self.params['b'] = self.params['b'] - 0.1 * grads['b']\n"
                    "        return grads | of_block"
                )
            },
            "only train may change them",
        ),
    },
)

RIGHT = styles(
    "cnn",
    {
        "pre-activations kept, names in another order": """
class CNN:
    def __init__(self, channels, size, p=0.0, seed=0):
        d = channels * (size // 4) * (size // 4)
        self.params = dict(W=torch.zeros((10, d)), b=torch.zeros(10))
        for k, inputs in enumerate((1, channels, channels)):
            self.params["beta%d" % k] = torch.zeros(channels)
            self.params["gamma%d" % k] = torch.ones(channels)
            self.params["K%d" % k] = he_init((channels, inputs, 3, 3), 10 * seed + k)
        self.bn = BatchNorm2d(channels)
        self.block = ResidualBlock(channels)
        self.dropout = Dropout(p, seed)

    def forward(self, X, training):
        K, gamma, beta = (self.params[name] for name in ("K0", "gamma0", "beta0"))
        Z = conv2d_forward(X, K, K.new_zeros(len(K)), stride=2, padding=1)
        Z = self.bn.forward(Z, gamma, beta, training)
        A = torch.where(Z > 0, Z, torch.zeros_like(Z))
        B = self.block.forward(max_pool_forward(A, 2, 2), self.params, training)
        H = self.dropout.forward(B.reshape(len(X), -1), training)
        self.cache = X, K, Z, A, B.shape, H, self.params["W"]
        return torch.einsum("nd,kd->nk", H, self.params["W"]) + self.params["b"]

    def backward(self, dout):
        X, K, Z, A, shape, H, W = self.cache
        grads = {"b": dout.sum(0), "W": torch.einsum("nk,nd->kd", dout, H)}
        dB = self.dropout.backward(dout @ W).reshape(shape)
        d, block = self.block.backward(dB)
        grads.update(block)
        d = max_pool_backward(d, A, 2, 2) * (Z > 0)
        d, grads["gamma0"], grads["beta0"] = self.bn.backward(d)
        grads["K0"] = conv2d_backward(d, X, K, stride=2, padding=1)[1]
        return grads
""",
        "pooling before the ReLU, which changes nothing": """
class CNN:
    def __init__(self, channels, size, p=0.0, seed=0):
        self.params = {"W": torch.zeros(10, channels * size**2 // 16)}
        self.params["b"] = torch.zeros(10)
        for k in (0, 1, 2):
            shape = (channels, channels if k else 1, 3, 3)
            self.params |= {
                f"K{k}": he_init(shape, seed=10 * seed + k),
                f"gamma{k}": torch.ones(channels),
                f"beta{k}": torch.zeros(channels),
            }
        self.bn, self.block = BatchNorm2d(channels), ResidualBlock(channels)
        self.dropout = Dropout(p, 7 + seed)

    def forward(self, X, training):
        p = self.params
        self.X = X
        self.Z = conv2d_forward(X, p["K0"], 0 * p["beta0"], 2, 1)
        self.N = self.bn.forward(self.Z, p["gamma0"], p["beta0"], training)
        self.M = max_pool_forward(self.N, 2, 2)
        self.F = self.block.forward(self.M.clamp(min=0), p, training)
        self.H = self.dropout.forward(self.F.flatten(1), training)
        return torch.addmm(p["b"], self.H, p["W"].T)

    def backward(self, dout):
        dH = self.dropout.backward(dout @ self.params["W"])
        d, grads = self.block.backward(dH.view(self.F.shape))
        d = max_pool_backward(d * (self.M > 0), self.N, 2, 2)
        d, dgamma, dbeta = self.bn.backward(d)
        _, dK, _ = conv2d_backward(d, self.X, self.params["K0"], 2, 1)
        first = {"K0": dK, "gamma0": dgamma, "beta0": dbeta}
        return {**grads, **first, "W": dout.mT @ self.H, "b": dout.sum(dim=0)}
""",
    },
)
