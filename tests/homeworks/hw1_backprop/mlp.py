"""Homework 1, the network."""

from tests.support.solutions import mistakes, styles

INIT = "torch.randn(d_out, d_in, generator=g) * math.sqrt(2 / d_in)"

WRONG = mistakes(
    "mlp",
    "mlp_init_test",
    {
        "weights of shape (d_in, d_out)": (
            {
                "torch.randn(d_out, d_in,": "torch.randn(d_in, d_out,",
                'self.params[f"W{k}"], self': 'self.params[f"W{k}"].T, self',
            },
            r"W1 has shape \(5, 4\), expected \(4, 5\): one output a row",
        ),
        "all weights zero": (
            {INIT: "torch.zeros(d_out, d_in)"},
            "W1 has variance 0 for an input of 800",
        ),
        "variance as standard deviation": (
            {"math.sqrt(2 / d_in)": "(2 / d_in)"},
            "has variance .*standard deviation its square root",
        ),
        "variance by the number of outputs": (
            {"2 / d_in": "2 / d_out"},
            "must be 2 over the size of the layer's input",
        ),
        "uniform numbers, whose mean is not 0": (
            {"torch.randn(d": "torch.rand(d"},
            "W1 has mean .*it must be 0",
        ),
        "seed not used": ({"manual_seed(seed)": "manual_seed(0)"}, "use the seed"),
        "generator not used": (
            {"torch.randn(d_out, d_in, generator=g)": "torch.randn(d_out, d_in)"},
            "same seed gives other parameters: draw all of them with the generator",
        ),
        "random biases": (
            {"torch.zeros(d_out)": "torch.randn(d_out, generator=g)"},
            "b1 at the start is wrong",
        ),
        "biases that leave every ReLU dead": (
            {"torch.zeros(d_out)": "torch.full((d_out,), -1e6)"},
            "b1 at the start is wrong",
        ),
        "layers counted from 0": (
            {
                "        ### END SOLUTION\n\n    def forward": (
                    "        self.params = {f'{n[0]}{int(n[1:]) - 1}': v "
                    "for n, v in self.params.items()}\n"
                    "        ### END SOLUTION\n\n    def forward"
                )
            },
            r"must have the keys \['W1'",
        ),
        "two layers, whatever the sizes": (
            {"self.depth = len(sizes) - 1": "self.depth = min(len(sizes) - 1, 2)"},
            r"must have the keys \['W1', 'W2', 'W3'",
        ),
    },
)

WRONG += mistakes(
    "mlp",
    "mlp_forward_test",
    {
        "ReLU after the last layer": (
            {"return Z": "return H"},
            "ReLU after the last layer too",
        ),
        "no ReLU": (
            {"H = relu_forward(Z)": "H = Z"},
            "ReLU between the layers is missing",
        ),
        "sigmoid in place of the ReLU": (
            {"H = relu_forward(Z)": "H = sigmoid_forward(Z)"},
            "not the sigmoid",
        ),
        "biases not added": (
            {
                'linear_forward(H, self.params[f"W{k}"], self.params[f"b{k}"])': (
                    'H @ self.params[f"W{k}"].T'
                )
            },
            "The biases are not added",
        ),
        "parameters kept from the start": (
            {
                "        ### END SOLUTION\n\n    def forward": (
                    "        self.kept = dict(self.params)\n"
                    "        ### END SOLUTION\n\n    def forward"
                ),
                'self.params[f"W{k}"], self.params[f"b{k}"]': (
                    'self.kept[f"W{k}"], self.kept[f"b{k}"]'
                ),
            },
            r"parameters that the network was made with: read self\.params",
        ),
        "ReLUs that are always dead": (
            {"H = relu_forward(Z)": "H = relu_forward(Z - 1e6)"},
            r"forward\(X\) of MLP\(\[5, 4, 3\]\) is wrong",
        ),
        "the last bias, whatever the input": (
            {"return Z": "return torch.zeros_like(Z) + self.params[f'b{k}']"},
            r"forward\(X\) of MLP\(\[5, 4, 3\]\) is wrong",
        ),
        "not a number, whatever the input": (
            {"return Z": "return Z * float('nan')"},
            r"forward\(X\) of MLP\(\[5, 4, 3\]\) is wrong",
        ),
    },
)

WRONG += mistakes(
    "mlp",
    "mlp_backward_test",
    {
        "ReLU skipped on the way back": (
            {"if k < self.depth:": "if False:"},
            "way back skips the ReLU",
        ),
        "ReLU of the last layer on the way back": (
            {"if k < self.depth:": "if True:"},
            "no ReLU after the last layer",
        ),
        "pre-activation of another layer": (
            {"self.pre_activations[k - 1])": "self.inputs[k - 1])"},
            "size of tensor",
        ),
        "output of a layer for its input": (
            {"self.inputs[k - 1], self": "self.pre_activations[k - 1], self"},
            r"grads\['W2'\] has shape \(3, 3\), expected \(3, 4\)",
        ),
        "gradients of 0": (
            {
                "        return grads\n": (
                    "        return {n: torch.zeros_like(d) for n, d in grads.items()}\n"
                )
            },
            "0 everywhere",
        ),
        "averaged over the batch once more": (
            {
                "        grads = {}\n": (
                    "        grads = {}\n        dout = dout / len(dout)\n"
                )
            },
            "divided by the batch size: the loss has done that already",
        ),
        "gradients of the weights only": (
            {
                "        return grads\n": (
                    "        return {n: d for n, d in grads.items() if n[0] == 'W'}\n"
                )
            },
            "grads has no entry 'b2'",
        ),
    },
)

WRONG += mistakes(
    "mlp",
    "mlp_more_test",
    {
        "gradients pile up from call to call": (
            {
                "        return grads\n": (
                    "        for n, d in getattr(self, 'grads', {}).items():\n"
                    "            grads[n] = grads[n] + d\n"
                    "        self.grads = grads\n"
                    "        return grads\n"
                )
            },
            "added to those of the call before",
        ),
        "layers kept from all forward calls": (
            {
                "        self.inputs, self.pre_activations = [], []\n": "",
                "        self.params = {}\n": (
                    "        self.params = {}\n"
                    "        self.inputs, self.pre_activations = [], []\n"
                ),
            },
            "those of an earlier forward",
        ),
        "shared by all networks": (
            {"        self.inputs, self": "        MLP.inputs, MLP"},
            "after a forward of another network",
        ),
        "parameters updated in backward": (
            {
                "        return grads\n": (
                    "        for n in grads:\n"
                    "            self.params[n] = self.params[n] - 0.1 * grads[n]\n"
                    "        return grads\n"
                )
            },
            "only train may change them",
        ),
    },
)

RIGHT = styles(
    "mlp",
    {
        "a list of caches, loops backwards": """
class MLP:
    def __init__(self, sizes, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.params = {}
        self.sizes = sizes
        for number, (d_in, d_out) in enumerate(zip(sizes, sizes[1:]), start=1):
            std = (2 / d_in) ** 0.5
            self.params["W" + str(number)] = torch.normal(
                0.0, std, (d_out, d_in), generator=generator
            )
            self.params["b" + str(number)] = torch.zeros(d_out)

    def forward(self, X):
        self.caches = []
        last = len(self.sizes) - 1
        for number in range(1, last + 1):
            W, b = self.params[f"W{number}"], self.params[f"b{number}"]
            out = linear_forward(X, W, b)
            self.caches.append((X, W, out, number))
            X = out if number == last else relu_forward(out)
        return X

    def backward(self, dout):
        grads = {}
        for X, W, out, number in reversed(self.caches):
            if number < len(self.caches):
                dout = relu_backward(dout, out)
            dout, dW, db = linear_backward(dout, X, W)
            grads.update({f"W{number}": dW, f"b{number}": db})
        return grads
""",
        "own matrix products, mask from the activations": """
class MLP:
    def __init__(self, sizes, seed=0):
        g = torch.Generator()
        g.manual_seed(seed)
        self.L = len(sizes) - 1
        self.params = dict()
        for l in range(self.L):
            W = torch.empty(sizes[l + 1], sizes[l])
            W.normal_(0, math.sqrt(2.0 / sizes[l]), generator=g)
            self.params[f"W{l + 1}"] = W
            self.params[f"b{l + 1}"] = W.new_zeros(sizes[l + 1])

    def forward(self, X):
        self.h = {0: X}
        for l in range(1, self.L + 1):
            z = self.h[l - 1] @ self.params[f"W{l}"].T + self.params[f"b{l}"]
            self.h[l] = z.clamp(min=0) if l < self.L else z
        return self.h[self.L]

    def backward(self, dout):
        dz, grads = dout, {}
        for l in range(self.L, 0, -1):
            grads[f"b{l}"] = dz.sum(0)
            grads[f"W{l}"] = dz.T @ self.h[l - 1]
            if l > 1:
                dz = (dz @ self.params[f"W{l}"]) * (self.h[l - 1] > 0)
        return {name: grads[name] for name in self.params}
""",
    },
)
