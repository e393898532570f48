"""Homework 2, the residual block."""

from tests.support.solutions import mistakes, styles

SECOND_NORM = (
    '        Z = self.bn2.forward(Z, params["gamma2"], params["beta2"], training)\n'
)

WRONG = mistakes(
    "residual_block",
    "residual_forward_test",
    {
        "X not added": ({"(Z + X).clamp": "Z.clamp"}, "X is not added"),
        "ReLU before the addition": (
            {"(Z + X).clamp(min=0)": "Z.clamp(min=0) + X"},
            "comes after the addition, not before",
        ),
        "last ReLU forgotten": (
            {"(Z + X).clamp(min=0)": "Z + X"},
            "last ReLU is missing",
        ),
        "ReLU between the convolutions forgotten": (
            {"self.A = Z.clamp(min=0)": "self.A = Z"},
            "ReLU between the convolutions is missing",
        ),
        "first kernels twice": (
            {"conv2d_forward(self.A, self.K2": "conv2d_forward(self.A, self.K1"},
            "second convolution uses K1",
        ),
        "second batch norm forgotten": (
            {SECOND_NORM: ""},
            "second batch norm is missing",
        ),
        "no padding": (
            {
                "self.K1, no_bias, 1, 1)": "self.K1, no_bias, 1)",
                "conv2d_forward(self.A, self.K2, no_bias, 1, 1)": (
                    "conv2d_forward(self.A, self.K2, no_bias, 1)"
                ),
            },
            "maximum size for tensor",
        ),
        "one batch norm for both": (
            {
                "self.bn1, self.bn2 = BatchNorm2d(channels), BatchNorm2d(channels)": (
                    "self.bn1 = self.bn2 = BatchNorm2d(channels)"
                )
            },
            "forward in use.* is wrong",
        ),
        "batch norms always in training": (
            {
                'params["beta1"], training)': 'params["beta1"], True)',
                'params["beta2"], training)': 'params["beta2"], True)',
            },
            "hand training on to the batch norms",
        ),
    },
)

WRONG += mistakes(
    "residual_block",
    "residual_backward_test",
    {
        "gradient of the skip forgotten": (
            {"return dX + dsum, grads": "return dX, grads"},
            "dX is wrong. What goes back by the skip is missing",
        ),
        "skip's gradient not by the last ReLU": (
            {"return dX + dsum, grads": "return dX + dout, grads"},
            "has to go back by the last ReLU too",
        ),
        "last ReLU skipped on the way back": (
            {"dsum = dout * (self.Y > 0)": "dsum = dout"},
            "skips the last ReLU",
        ),
        "inner ReLU skipped on the way back": (
            {"dA * (self.A > 0)": "dA"},
            "skips the ReLU between the convolutions",
        ),
        "kernels swapped on the way back": (
            {
                "conv2d_backward(dZ, self.A, self.K2, 1, 1)": (
                    "conv2d_backward(dZ, self.A, self.K1, 1, 1)"
                )
            },
            r"(gamma1|beta1) is wrong",
        ),
        "input of the block for that of the second convolution": (
            {
                "conv2d_backward(dZ, self.A, self.K2, 1, 1)": (
                    "conv2d_backward(dZ, self.X, self.K2, 1, 1)"
                )
            },
            "K2 is wrong",
        ),
        "grads only": (
            {"return dX + dsum, grads": "return grads"},
            r"must return \(dX, grads\)",
        ),
        "gradients of the kernels only": (
            {
                "return dX + dsum, grads": (
                    "return dX + dsum, {k: v for k, v in grads.items() if k[0] == 'K'}"
                )
            },
            "no entry for beta1, beta2, gamma1, gamma2",
        ),
        "what the way back needs shared by all blocks": (
            {
                "        self.X, self.K1, self.K2 = ": (
                    "        ResidualBlock.X, self.K1, self.K2 = "
                )
            },
            "each keeps its own",
        ),
    },
)

RIGHT = styles(
    "residual_block",
    {
        "masks kept, a cache for the way back": """
class ResidualBlock:
    def __init__(self, channels):
        self.bn1 = BatchNorm2d(channels)
        self.bn2 = BatchNorm2d(channels)

    def forward(self, X, params, training):
        zero = torch.zeros(len(params["K1"]), dtype=X.dtype)
        Z1 = conv2d_forward(X, params["K1"], zero, padding=1)
        N1 = self.bn1.forward(Z1, params["gamma1"], params["beta1"], training)
        A = N1 * (N1 > 0)
        Z2 = conv2d_forward(A, params["K2"], zero, padding=1)
        N2 = self.bn2.forward(Z2, params["gamma2"], params["beta2"], training)
        total = N2 + X
        self.cache = (X, A, N1 > 0, total > 0, dict(params))
        return torch.where(total > 0, total, torch.zeros_like(total))

    def backward(self, dout):
        X, A, on1, on2, params = self.cache
        dtotal = torch.where(on2, dout, torch.zeros_like(dout))
        dZ2, dg2, db2 = self.bn2.backward(dtotal)
        dA, dK2, _ = conv2d_backward(dZ2, A, params["K2"], padding=1)
        dZ1, dg1, db1 = self.bn1.backward(dA * on1)
        dX, dK1, _ = conv2d_backward(dZ1, X, params["K1"], padding=1)
        names = ("K1", "gamma1", "beta1", "K2", "gamma2", "beta2")
        grads = dict(zip(names, (dK1, dg1, db1, dK2, dg2, db2)))
        return dtotal + dX, grads
""",
        "a loop over the two halves": """
class ResidualBlock:
    def __init__(self, channels):
        self.bn1, self.bn2 = (BatchNorm2d(channels) for _ in range(2))

    def forward(self, X, params, training):
        self.saved, H = [], X
        for k, bn in ((1, self.bn1), (2, self.bn2)):
            K = params[f"K{k}"]
            Z = conv2d_forward(H, K, K.new_zeros(len(K)), 1, 1, 1)
            Z = bn.forward(Z, params[f"gamma{k}"], params[f"beta{k}"], training)
            Z = Z if k == 1 else Z + X
            self.saved.append((k, bn, K, H, Z))
            H = Z.clamp(min=0)
        return H

    def backward(self, dout):
        grads, skip = {}, None
        for k, bn, K, H, Z in reversed(self.saved):
            dout = dout * (Z > 0)
            skip = dout if k == 2 else skip
            dout, grads[f"gamma{k}"], grads[f"beta{k}"] = bn.backward(dout)
            dout, grads[f"K{k}"], _ = conv2d_backward(dout, H, K, 1, 1, 1)
        return [dout + skip, grads]
""",
    },
)
