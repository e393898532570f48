"""Homework 1: what students get wrong, and what they get right in other ways."""

from tests.support.solutions import Right, Wrong

# tests that train a network: run only for the solutions that they are about
SLOW = {"accuracy_test"}

LINEAR = [
    Wrong(
        "linear_forward",
        "bias forgotten",
        [("X @ W.T + b", "X @ W.T")],
        "linear_forward_test",
        "bias is not added",
    ),
    Wrong(
        "linear_forward",
        "bias subtracted",
        [("+ b", "- b")],
        "linear_forward_test",
        "bias is subtracted",
    ),
    Wrong(
        "linear_forward",
        "weight not transposed",
        [("W.T", "W")],
        "linear_forward_test",
        r"shapes cannot be multiplied \(4x3 and 2x3\)",
    ),
    Wrong(
        "linear_forward",
        "result transposed",
        [("X @ W.T + b", "(X @ W.T + b).T")],
        "linear_forward_test",
        "looks transposed",
    ),
    Wrong(
        "linear_forward",
        "nothing returned",
        [("return X @ W.T + b", "Y = X @ W.T + b")],
        "linear_forward_test",
        "return statement missing",
    ),
    Wrong(
        "linear_forward",
        "divided by the batch size",
        [("X @ W.T + b", "(X @ W.T + b) / len(X)")],
        "linear_forward_test",
        "1/4 of what it should be",
    ),
    Wrong(
        "linear_forward",
        "squeezed, which drops a batch of one",
        [("X @ W.T + b", "(X @ W.T + b).squeeze()")],
        "linear_more_test",
        r"a batch of 1.*dimensions of 1 \(keepdim",
    ),
    Wrong(
        "linear_forward",
        "view of a tensor that is not contiguous",
        [("return", "X = X.view(-1).view(X.shape)\n    return")],
        "linear_more_test",
        "view size is not compatible",
    ),
    Wrong(
        "linear_forward",
        "always float32",
        [("return X @ W.T + b", "return X.float() @ W.T.float() + b.float()")],
        "linear_more_test",
        "keep the input's dtype",
    ),
    Wrong(
        "linear_backward",
        "weight gradient transposed",
        [("dout.T @ X", "X.T @ dout")],
        "linear_backward_test",
        r"dW has shape \(3, 2\), expected \(2, 3\)\. It looks transposed",
    ),
    Wrong(
        "linear_backward",
        "bias gradient not summed over the batch",
        [("dout.sum(0)", "dout")],
        "linear_backward_test",
        r"db has shape .* sum over the first \(batch\) dimension may be missing",
    ),
    Wrong(
        "linear_backward",
        "bias gradient summed over everything",
        [("dout.sum(0)", "dout.sum()")],
        "linear_backward_test",
        "db has shape .* summed or averaged over everything",
    ),
    Wrong(
        "linear_backward",
        "bias gradient averaged",
        [("dout.sum(0)", "dout.mean(0)")],
        "linear_backward_test",
        "db .*1/4 of what it should be",
    ),
    Wrong(
        "linear_backward",
        "bias gradient with keepdim",
        [("dout.sum(0)", "dout.sum(0, keepdim=True)")],
        "linear_backward_test",
        "db has shape .*keepdim",
    ),
    Wrong(
        "linear_backward",
        "weight gradient averaged over the batch",
        [("dout.T @ X", "dout.T @ X / len(X)")],
        "linear_backward_test",
        "dW .*1/4 of what it should be",
    ),
    Wrong(
        "linear_backward",
        "weight transposed on the way to the input",
        [("dout @ W,", "dout @ W.T,")],
        "linear_backward_test",
        "shapes cannot be multiplied",
    ),
    Wrong(
        "linear_backward",
        "gradients in another order",
        [
            (
                "dout @ W, dout.T @ X, dout.sum(0)",
                "dout.T @ X, dout.sum(0), dout @ W",
            )
        ],
        "linear_backward_test",
        r"dX has shape \(2, 3\), expected \(4, 3\)",
    ),
    Wrong(
        "linear_backward",
        "only the gradients of the parameters",
        [("dout @ W, dout.T", "dout.T")],
        "linear_backward_test",
        r"must return \(dX, dW, db\): 3 values, not 2",
    ),
    Wrong(
        "linear_backward",
        "dout changed in place",
        [("return", "dout /= len(dout)\n    dout *= len(dout) + 1\n    return")],
        "linear_more_test",
        "changed its argument 1 in place",
    ),
    Wrong(
        "linear_backward",
        "view of a transpose",
        [("dout.sum(0)", "dout.view(-1).view(dout.shape).sum(0)")],
        "linear_more_test",
        "view size is not compatible",
    ),
]

ACTIVATIONS = [
    Wrong(
        "relu",
        "absolute value in place of the maximum",
        [("x.clamp(min=0)", "x.abs()")],
        "relu_test",
        "Negative entries must become 0",
    ),
    Wrong(
        "relu",
        "mask on the wrong side",
        [("x > 0", "x < 0")],
        "relu_test",
        "mask is on the wrong side",
    ),
    Wrong(
        "relu",
        "derivative at 0 is 1",
        [("x > 0", "x >= 0")],
        "relu_test",
        r"at x = 0 is wrong\. The derivative there is to be 0, not 1",
    ),
    Wrong(
        "relu",
        "upstream gradient forgotten",
        [("dout * (x > 0)", "(x > 0).to(x.dtype)")],
        "relu_test",
        "does not use dout",
    ),
    Wrong(
        "relu",
        "mask from dout",
        [("dout * (x > 0)", "dout.clamp(min=0)")],
        "relu_test",
        "where dout is positive; it must go through where x is",
    ),
    Wrong(
        "relu",
        "times x itself",
        [("dout * (x > 0)", "dout * x.clamp(min=0)")],
        "relu_test",
        "multiplied by x, of which only the sign matters",
    ),
    Wrong(
        "relu",
        "input changed in place",
        [("return x.clamp(min=0)", "x[x < 0] = 0\n    return x")],
        "activations_more_test",
        "relu_forward changed its argument 1 in place",
    ),
    Wrong(
        "relu",
        "dout changed in place",
        [("return dout * (x > 0)", "dout[x <= 0] = 0\n    return dout")],
        "activations_more_test",
        "relu_backward changed its argument 1 in place",
    ),
    Wrong(
        "relu",
        "mask in float64 whatever the input",
        [("dout * (x > 0)", "dout * (x > 0).double()")],
        "activations_more_test",
        "relu_backward returns torch.float64 for torch.float32 input",
    ),
    Wrong(
        "sigmoid",
        "sign of the exponent",
        [("torch.exp(-x)", "torch.exp(x)")],
        "sigmoid_test",
        "sigmoid of −x: look at the sign",
    ),
    Wrong(
        "sigmoid",
        "overflow to inf / inf",
        [("1 / (1 + torch.exp(-x))", "torch.exp(x) / (1 + torch.exp(x))")],
        "sigmoid_test",
        r"sigmoid_forward\(±1000\) is wrong.*NaN",
    ),
    Wrong(
        "sigmoid",
        "sigmoid applied twice",
        [
            (
                "dout * y * (1 - y)",
                "dout * sigmoid_forward(y) * (1 - sigmoid_forward(y))",
            )
        ],
        "sigmoid_test",
        "sigmoid is applied twice",
    ),
    Wrong(
        "sigmoid",
        "upstream gradient forgotten",
        [("dout * y * (1 - y)", "y * (1 - y)")],
        "sigmoid_test",
        "does not use dout",
    ),
    Wrong(
        "sigmoid",
        "derivative of tanh",
        [("dout * y * (1 - y)", "dout * (1 - y**2)")],
        "sigmoid_test",
        "derivative of tanh",
    ),
    Wrong(
        "sigmoid",
        "minus sign of the inner derivative kept",
        [("dout * y * (1 - y)", "-dout * y * (1 - y)")],
        "sigmoid_test",
        "wrong sign",
    ),
    Wrong(
        "sigmoid",
        "dout changed in place",
        [("return dout * y * (1 - y)", "dout *= y * (1 - y)\n    return dout")],
        "activations_more_test",
        "sigmoid_backward changed its argument 1 in place",
    ),
    Wrong(
        "sigmoid",
        "float32 whatever the input",
        [("1 / (1 + torch.exp(-x))", "1 / (1 + torch.exp(-x.float()))")],
        "activations_more_test",
        "sigmoid_forward returns torch.float32 for torch.float64 input",
    ),
]

SHIFTED = "    shifted = logits - logits.amax(1, keepdim=True)\n"
LOG_PROBS = SHIFTED + (
    "    log_probs = shifted - shifted.exp().sum(1, keepdim=True).log()\n"
)
PICK = "-log_probs[torch.arange(len(labels)), labels].mean()"
LOSS = [
    Wrong(
        "cross_entropy_forward",
        "summed over the batch",
        [(".mean()", ".sum()")],
        "cross_entropy_forward_test",
        "sum over the batch, not the mean",
    ),
    Wrong(
        "cross_entropy_forward",
        "averaged over the classes too",
        [
            (
                PICK,
                "-log_probs[torch.arange(len(labels)), labels].sum() / logits.numel()",
            )
        ],
        "cross_entropy_forward_test",
        "divided by the number of classes too",
    ),
    Wrong(
        "cross_entropy_forward",
        "mean over all classes",
        [(PICK, "-log_probs.mean()")],
        "cross_entropy_forward_test",
        "mean over all classes: only the right one",
    ),
    Wrong(
        "cross_entropy_forward",
        "minus forgotten",
        [("return -", "return ")],
        "cross_entropy_forward_test",
        "wrong sign",
    ),
    Wrong(
        "cross_entropy_forward",
        "softmax over the batch",
        [("amax(1,", "amax(0,"), ("sum(1,", "sum(0,")],
        "cross_entropy_forward_test",
        "softmax runs over the batch",
    ),
    Wrong(
        "cross_entropy_forward",
        "every label in every row",
        [("[torch.arange(len(labels)), labels]", "[:, labels]")],
        "cross_entropy_forward_test",
        "every label in every row",
    ),
    Wrong(
        "cross_entropy_forward",
        "keepdim missing in the sum",
        [("sum(1, keepdim=True)", "sum(1)")],
        "cross_entropy_forward_test",
        "size of tensor",
    ),
    Wrong(
        "cross_entropy_forward",
        "logarithm missing",
        [("return -log_probs[", "return -log_probs.exp()[")],
        "cross_entropy_forward_test",
        "logarithm is missing",
    ),
    Wrong(
        "cross_entropy_forward",
        "softmax missing",
        [("log_probs[torch", "logits[torch")],
        "cross_entropy_forward_test",
        "without a softmax",
    ),
    Wrong(
        "cross_entropy_forward",
        "one loss for each example",
        [(".mean()", "")],
        "cross_entropy_forward_test",
        "should be one number",
    ),
    Wrong(
        "cross_entropy_forward",
        "logarithm to base 2",
        [("keepdim=True).log()", "keepdim=True).log2()")],
        "cross_entropy_forward_test",
        "is wrong",
    ),
    Wrong(
        "cross_entropy_forward",
        "largest logit not subtracted",
        [(SHIFTED, "    shifted = logits\n")],
        "loss_more_test",
        r"cross_entropy_forward \(large logits\) is wrong.*(infinite|NaN)",
    ),
    Wrong(
        "cross_entropy_forward",
        "largest logit of the whole batch subtracted",
        [("logits.amax(1, keepdim=True)", "logits.max()")],
        "loss_more_test",
        r"\(rows of very different size\) is wrong.*(infinite|NaN)",
    ),
    Wrong(
        "cross_entropy_forward",
        "logarithm of a probability rounded to 0, plus a little",
        [
            (
                "shifted - shifted.exp().sum(1, keepdim=True).log()",
                "(shifted.exp() / shifted.exp().sum(1, keepdim=True) + 1e-12).log()",
            )
        ],
        "loss_more_test",
        r"\(large logits\) is wrong",
    ),
    Wrong(
        "cross_entropy_forward",
        "logits shifted in place",
        [
            (
                "shifted = logits - logits.amax(1, keepdim=True)",
                "shifted = logits\n    shifted -= logits.amax(1, keepdim=True)",
            )
        ],
        "loss_more_test",
        "cross_entropy_forward changed its argument 1 in place",
    ),
    Wrong(
        "cross_entropy_forward",
        "Python number returned",
        [(".mean()", ".mean().item()")],
        "loss_more_test",
        "cross_entropy_forward must return a tensor",
    ),
    Wrong(
        "cross_entropy_backward",
        "not divided by the batch size",
        [(" / len(labels)", "")],
        "cross_entropy_backward_test",
        "gradient of the sum over the batch",
    ),
    Wrong(
        "cross_entropy_backward",
        "label not subtracted",
        [("    dlogits[torch.arange(len(labels)), labels] -= 1\n", "")],
        "cross_entropy_backward_test",
        "where does the label come in",
    ),
    Wrong(
        "cross_entropy_backward",
        "sign",
        [("return dlogits", "return -dlogits")],
        "cross_entropy_backward_test",
        "wrong sign",
    ),
    Wrong(
        "cross_entropy_backward",
        "divided by the number of entries",
        [("/ len(labels)", "/ logits.numel()")],
        "cross_entropy_backward_test",
        "divided by the number of classes too",
    ),
    Wrong(
        "cross_entropy_backward",
        "1 taken off whole columns",
        [("[torch.arange(len(labels)), labels]", "[:, labels]")],
        "cross_entropy_backward_test",
        "taken off whole columns",
    ),
    Wrong(
        "cross_entropy_backward",
        "keepdim missing in the sum",
        [("exps.sum(1, keepdim=True)", "exps.sum(1)")],
        "cross_entropy_backward_test",
        "size of tensor",
    ),
    Wrong(
        "cross_entropy_backward",
        "softmax over the batch",
        [("amax(1,", "amax(0,"), ("exps.sum(1,", "exps.sum(0,")],
        "cross_entropy_backward_test",
        "softmax runs over the batch",
    ),
    Wrong(
        "cross_entropy_backward",
        "largest logit not subtracted",
        [("(logits - logits.amax(1, keepdim=True)).exp()", "logits.exp()")],
        "loss_more_test",
        r"cross_entropy_backward \(large logits\) is wrong.*NaN",
    ),
    Wrong(
        "cross_entropy_backward",
        "logits changed in place",
        [
            (
                "exps = (logits - logits.amax(1, keepdim=True)).exp()",
                "logits -= logits.amax(1, keepdim=True)\n    exps = logits.exp()",
            )
        ],
        "loss_more_test",
        "cross_entropy_backward changed its argument 1 in place",
    ),
    Wrong(
        "cross_entropy_backward",
        "one-hot in float64 whatever the input",
        [("return dlogits /", "return dlogits.double() /")],
        "loss_more_test",
        "cross_entropy_backward must return a tensor of the logits' dtype",
    ),
]

NUMERICAL = [
    Wrong(
        "numerical_gradient",
        "one-sided, forward",
        [("(f(above) - f(below)) / (2 * eps)", "(f(above) - f(x)) / eps")],
        "numerical_gradient_test",
        r"one-sided difference from x to x \+ eps",
    ),
    Wrong(
        "numerical_gradient",
        "one-sided, backward",
        [("(f(above) - f(below)) / (2 * eps)", "(f(x) - f(below)) / eps")],
        "numerical_gradient_test",
        "one-sided difference from x − eps to x",
    ),
    Wrong(
        "numerical_gradient",
        "divided by eps, not twice eps",
        [("(2 * eps)", "eps")],
        "numerical_gradient_test",
        "2 times what it should be",
    ),
    Wrong(
        "numerical_gradient",
        "precedence: / 2 * eps",
        [("/ (2 * eps)", "/ 2 * eps")],
        "numerical_gradient_test",
        r"1/1e\+10 of what it should be",
    ),
    Wrong(
        "numerical_gradient",
        "sign",
        [("f(above) - f(below)", "f(below) - f(above)")],
        "numerical_gradient_test",
        "wrong sign",
    ),
    Wrong(
        "numerical_gradient",
        "all entries moved at once",
        [("above[index] += eps", "above += eps"), ("below[index] -=", "below -=")],
        "numerical_gradient_test",
        "move one entry at a time",
    ),
    Wrong(
        "numerical_gradient",
        "flat result",
        [("return grad", "return grad.flatten()")],
        "numerical_gradient_test",
        r"has shape \(6,\), expected \(2, 3\)",
    ),
    Wrong(
        "numerical_gradient",
        "step too small for float64",
        [("    grad = torch", "    eps = 1e-13\n    grad = torch")],
        "numerical_gradient_test",
        "nearly right: look for a loss of precision",
    ),
    Wrong(
        "numerical_gradient",
        "eps ignored",
        [("    grad = torch", "    eps = 1e-5\n    grad = torch")],
        "numerical_more_test",
        "does not use the eps",
    ),
    Wrong(
        "numerical_gradient",
        "x not put back",
        """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        grad[index] = (above - below) / (2 * eps)
    return grad
""",
        "numerical_more_test",
        "numerical_gradient changed its argument 2 in place",
    ),
    Wrong(
        "numerical_gradient",
        "clone not put back between entries",
        """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    x = x.clone()
    for index in itertools.product(*map(range, x.shape)):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        grad[index] = (above - f(x)) / (2 * eps)
    return grad
""",
        "numerical_more_test",
        "where every entry matters to every other, is wrong",
    ),
    Wrong(
        "numerical_gradient",
        "flattened copy is moved, x is not",
        """
def numerical_gradient(f, x, eps=1e-5):
    flat, grad = x.reshape(-1), torch.zeros(x.numel(), dtype=x.dtype)
    for i in range(len(flat)):
        value = flat[i].item()
        flat[i] = value + eps
        above = f(x)
        flat[i] = value - eps
        below = f(x)
        flat[i] = value
        grad[i] = (above - below) / (2 * eps)
    return grad.reshape(x.shape)
""",
        "numerical_more_test",
        r"not contiguous \(a transpose\) is wrong.*0 everywhere",
    ),
    Wrong(
        "numerical_gradient",
        "matrices only",
        """
def numerical_gradient(f, x, eps=1e-5):
    grad = torch.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            step = torch.zeros_like(x)
            step[i, j] = eps
            grad[i, j] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad
""",
        "numerical_gradient_test",
        "IndexError",
    ),
    Wrong(
        "numerical_gradient",
        "through float32",
        [("f(above) - f(below)", "torch.tensor(float(f(above))) - float(f(below))")],
        "numerical_gradient_test",
        "loss of precision",
    ),
    Wrong(
        "numerical_gradient",
        "item() of what is already a number",
        [("f(above) - f(below)", "f(above).item() - f(below).item()")],
        "numerical_more_test",
        "'float' object has no attribute 'item'",
    ),
]

INIT = "torch.randn(d_out, d_in, generator=g) * math.sqrt(2 / d_in)"
MLP = [
    Wrong(
        "mlp",
        "weights of shape (d_in, d_out)",
        [
            ("torch.randn(d_out, d_in,", "torch.randn(d_in, d_out,"),
            ('self.params[f"W{k}"], self', 'self.params[f"W{k}"].T, self'),
        ],
        "mlp_init_test",
        r"W1 has shape \(5, 4\), expected \(4, 5\): one output a row",
    ),
    Wrong(
        "mlp",
        "all weights zero",
        [(INIT, "torch.zeros(d_out, d_in)")],
        "mlp_init_test",
        "W1 has variance 0 for an input of 800",
    ),
    Wrong(
        "mlp",
        "variance as standard deviation",
        [("math.sqrt(2 / d_in)", "(2 / d_in)")],
        "mlp_init_test",
        "has variance .*standard deviation its square root",
    ),
    Wrong(
        "mlp",
        "variance by the number of outputs",
        [("2 / d_in", "2 / d_out")],
        "mlp_init_test",
        "must be 2 over the size of the layer's input",
    ),
    Wrong(
        "mlp",
        "uniform numbers, whose mean is not 0",
        [("torch.randn(d", "torch.rand(d")],
        "mlp_init_test",
        "W1 has mean .*it must be 0",
    ),
    Wrong(
        "mlp",
        "seed not used",
        [("manual_seed(seed)", "manual_seed(0)")],
        "mlp_init_test",
        "use the seed",
    ),
    Wrong(
        "mlp",
        "generator not used",
        [("torch.randn(d_out, d_in, generator=g)", "torch.randn(d_out, d_in)")],
        "mlp_init_test",
        "same seed gives other parameters: draw all of them with the generator",
    ),
    Wrong(
        "mlp",
        "random biases",
        [("torch.zeros(d_out)", "torch.randn(d_out, generator=g)")],
        "mlp_init_test",
        "b1 at the start is wrong",
    ),
    Wrong(
        "mlp",
        "layers counted from 0",
        [
            (
                "        ### END SOLUTION\n\n    def forward",
                "        self.params = {f'{n[0]}{int(n[1:]) - 1}': v "
                "for n, v in self.params.items()}\n"
                "        ### END SOLUTION\n\n    def forward",
            )
        ],
        "mlp_init_test",
        r"must have the keys \['W1'",
    ),
    Wrong(
        "mlp",
        "ReLU after the last layer",
        [("return Z", "return H")],
        "mlp_forward_test",
        "ReLU after the last layer too",
    ),
    Wrong(
        "mlp",
        "no ReLU",
        [("H = relu_forward(Z)", "H = Z")],
        "mlp_forward_test",
        "ReLU between the layers is missing",
    ),
    Wrong(
        "mlp",
        "sigmoid in place of the ReLU",
        [("H = relu_forward(Z)", "H = sigmoid_forward(Z)")],
        "mlp_forward_test",
        "not the sigmoid",
    ),
    Wrong(
        "mlp",
        "two layers, whatever the sizes",
        [("self.depth = len(sizes) - 1", "self.depth = min(len(sizes) - 1, 2)")],
        "mlp_init_test",
        r"must have the keys \['W1', 'W2', 'W3'",
    ),
    Wrong(
        "mlp",
        "ReLU skipped on the way back",
        [("if k < self.depth:", "if False:")],
        "mlp_backward_test",
        "way back skips the ReLU",
    ),
    Wrong(
        "mlp",
        "ReLU of the last layer on the way back",
        [("if k < self.depth:", "if True:")],
        "mlp_backward_test",
        "no ReLU after the last layer",
    ),
    Wrong(
        "mlp",
        "pre-activation of another layer",
        [("self.pre_activations[k - 1])", "self.inputs[k - 1])")],
        "mlp_backward_test",
        "size of tensor",
    ),
    Wrong(
        "mlp",
        "output of a layer for its input",
        [("self.inputs[k - 1], self", "self.pre_activations[k - 1], self")],
        "mlp_backward_test",
        r"grads\['W2'\] has shape \(3, 3\), expected \(3, 4\)",
    ),
    Wrong(
        "mlp",
        "averaged over the batch once more",
        [
            (
                "        grads = {}\n",
                "        grads = {}\n        dout = dout / len(dout)\n",
            )
        ],
        "mlp_backward_test",
        "divided by the batch size: the loss has done that already",
    ),
    Wrong(
        "mlp",
        "gradients of the weights only",
        [
            (
                "        return grads\n",
                "        return {n: d for n, d in grads.items() if n[0] == 'W'}\n",
            )
        ],
        "mlp_backward_test",
        "grads has no entry 'b2'",
    ),
    Wrong(
        "mlp",
        "gradients pile up from call to call",
        [
            (
                "        return grads\n",
                "        for n, d in getattr(self, 'grads', {}).items():\n"
                "            grads[n] = grads[n] + d\n"
                "        self.grads = grads\n"
                "        return grads\n",
            )
        ],
        "mlp_more_test",
        "added to those of the call before",
    ),
    Wrong(
        "mlp",
        "layers kept from all forward calls",
        [
            ("        self.inputs, self.pre_activations = [], []\n", ""),
            (
                "        self.params = {}\n",
                "        self.params = {}\n"
                "        self.inputs, self.pre_activations = [], []\n",
            ),
        ],
        "mlp_more_test",
        "those of an earlier forward",
    ),
    Wrong(
        "mlp",
        "shared by all networks",
        [
            ("        self.inputs, self", "        MLP.inputs, MLP"),
        ],
        "mlp_more_test",
        "after a forward of another network",
    ),
    Wrong(
        "mlp",
        "parameters updated in backward",
        [
            (
                "        return grads\n",
                "        for n in grads:\n"
                "            self.params[n] = self.params[n] - 0.1 * grads[n]\n"
                "        return grads\n",
            )
        ],
        "mlp_more_test",
        "only train may change them",
    ),
]

UPDATE = "net.params[name] = net.params[name] - lr * grad"
TRAIN = [
    Wrong(
        "train",
        "uphill",
        [("- lr * grad", "+ lr * grad")],
        "train_steps_test",
        "goes uphill: subtract",
    ),
    Wrong(
        "train",
        "new values not stored",
        [(UPDATE, "weight = net.params[name]; weight = weight - lr * grad")],
        "train_steps_test",
        "did not change",
    ),
    Wrong(
        "train",
        "learning rate not used",
        [("lr * grad", "grad")],
        "train_steps_test",
        "learning rate is not used",
    ),
    Wrong(
        "train",
        "step multiplied by the batch size",
        [("lr * grad", "lr * grad * len(rows)")],
        "train_steps_test",
        "N times too long",
    ),
    Wrong(
        "train",
        "averaged over the batch twice",
        [("lr * grad", "lr * grad / len(rows)")],
        "train_steps_test",
        "N times too short",
    ),
    Wrong(
        "train",
        "images shuffled, labels not",
        [
            (
                "logits, y[rows]))",
                "logits, y[:len(rows)]))",
            )
        ],
        "train_steps_test",
        "labels do not follow the images",
    ),
    Wrong(
        "train",
        "last batch dropped",
        [(".split(batch_size):", ".split(batch_size)[:len(X) // batch_size]:")],
        "train_steps_test",
        "last, smaller batch is left out",
    ),
    Wrong(
        "train",
        "last batch divided by batch_size",
        [("lr * grad", "lr * grad * len(rows) / batch_size")],
        "train_steps_test",
        "divided by batch_size",
    ),
    Wrong(
        "train",
        "returns after the first epoch",
        [
            (
                "        losses.append",
                "        return [total / len(X)]\n        losses.append",
            )
        ],
        "train_steps_test",
        "stops after one epoch",
    ),
    Wrong(
        "train",
        "one step an epoch",
        [
            (
                "            for name, grad in grads.items():\n"
                "                " + UPDATE,
                "        for name, grad in grads.items():\n            " + UPDATE,
            )
        ],
        "train_steps_test",
        "one step an epoch",
    ),
    Wrong(
        "train",
        "gradients of earlier steps added",
        [
            ("    losses = []\n", "    losses, sums = [], {}\n"),
            (
                UPDATE,
                "sums[name] = sums.get(name, 0) + grad\n                "
                "net.params[name] = net.params[name] - lr * sums[name]",
            ),
        ],
        "train_steps_test",
        "earlier steps are added up",
    ),
    Wrong(
        "train",
        "not shuffled",
        [("torch.randperm(len(X), generator=g)", "torch.arange(len(X))")],
        "train_steps_test",
        "put the examples in a random order",
    ),
    Wrong(
        "train",
        "seed not used",
        [("torch.randperm(len(X), generator=g)", "torch.randperm(len(X))")],
        "train_steps_test",
        "same seed gives another result",
    ),
    Wrong(
        "train",
        "labels shuffled in place",
        [
            (
                "        total = 0.0\n",
                "        total = 0.0\n        order = torch.randperm(len(y), generator=g)\n"
                "        X[:], y[:] = X[order], y[order]\n",
            )
        ],
        "train_steps_test",
        "changed its argument",
    ),
    Wrong(
        "train",
        "always the first classes only",
        [("y[rows]))", "y[rows].clamp(max=4)))")],
        "accuracy_test",
        r"of the held-out digits are right; 70% are needed",
    ),
    Wrong(
        "train",
        "learning rate halved after every step",
        [(UPDATE, UPDATE + "\n            lr = lr * (0.5 if len(X) > 50 else 1)")],
        "accuracy_test",
        r"of the held-out digits are right; 70% are needed",
    ),
]

WRONG = LINEAR + ACTIVATIONS + LOSS + NUMERICAL + MLP + TRAIN

RIGHT = [
    Right(
        "linear_forward",
        "einsum",
        """
def linear_forward(X, W, b):
    return torch.einsum("ni,oi->no", X, W) + b[None, :]
""",
    ),
    Right(
        "linear_forward",
        "row by row",
        """
def linear_forward(X, W, b):
    rows = [W @ row + b for row in X]
    return torch.stack(rows)
""",
    ),
    Right(
        "linear_forward",
        "bias as an appended 1",
        """
def linear_forward(X, W, b):
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    return torch.cat([X, ones], 1) @ torch.cat([W, b[:, None]], 1).T
""",
    ),
    Right(
        "linear_backward",
        "einsum",
        """
def linear_backward(dout, X, W):
    dX = torch.einsum("no,oi->ni", dout, W)
    dW = torch.einsum("no,ni->oi", dout, X)
    return dX, dW, torch.einsum("no->o", dout)
""",
    ),
    Right(
        "linear_backward",
        "outer products summed over the batch, as a list",
        """
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
    ),
    Right(
        "relu",
        "where",
        """
def relu_forward(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def relu_backward(dout, x):
    return torch.where(x > 0, dout, torch.zeros_like(dout))
""",
    ),
    Right(
        "relu",
        "masks on clones",
        """
def relu_forward(x):
    out = x.clone()
    out[x < 0] = 0
    return out


def relu_backward(dout, x):
    dx = dout.clone()
    dx[x <= 0] = 0
    return dx
""",
    ),
    Right(
        "relu",
        "half the sum with the absolute value",
        """
def relu_forward(x):
    return (x + x.abs()) / 2


def relu_backward(dout, x):
    return dout * x.sign().clamp(min=0)
""",
    ),
    Right(
        "sigmoid",
        "two branches",
        """
def sigmoid_forward(x):
    e = torch.exp(-x.abs())  # never overflows
    return torch.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(dout, y):
    return (y - y**2) * dout
""",
    ),
    Right(
        "sigmoid",
        "by tanh",
        """
def sigmoid_forward(x):
    return (1 + torch.tanh(x / 2)) / 2


def sigmoid_backward(dout, y):
    slope = y * (1 - y)
    return dout.mul(slope)
""",
    ),
    Right(
        "cross_entropy_forward",
        "one-hot and a sum",
        """
def cross_entropy_forward(logits, labels):
    N, C = logits.shape
    onehot = (labels[:, None] == torch.arange(C)).to(logits.dtype)
    largest = logits.max(dim=1, keepdim=True).values
    log_sum = largest + torch.log(torch.exp(logits - largest).sum(1, keepdim=True))
    return -(onehot * (logits - log_sum)).sum() / N
""",
    ),
    Right(
        "cross_entropy_forward",
        "example by example",
        """
def cross_entropy_forward(logits, labels):
    losses = []
    for z, label in zip(logits, labels):
        z = z - z.max()
        losses.append(z.exp().sum().log() - z[label])
    return sum(losses) / len(losses)
""",
    ),
    Right(
        "cross_entropy_forward",
        "gather",
        """
def cross_entropy_forward(logits, labels):
    m = logits.amax(dim=-1)
    log_sum = m + (logits - m.unsqueeze(-1)).exp().sum(-1).log()
    chosen = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return (log_sum - chosen).mean()
""",
    ),
    Right(
        "cross_entropy_backward",
        "one-hot subtracted",
        """
def cross_entropy_backward(logits, labels):
    N, C = logits.shape
    onehot = torch.eye(C, dtype=logits.dtype)[labels]
    e = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return (e / e.sum(dim=1, keepdim=True) - onehot) / N
""",
    ),
    Right(
        "cross_entropy_backward",
        "example by example",
        """
def cross_entropy_backward(logits, labels):
    dlogits = torch.zeros_like(logits)
    for n in range(len(labels)):
        z = logits[n] - logits[n].max()
        dlogits[n] = z.exp() / z.exp().sum()
        dlogits[n, labels[n]] -= 1
    return dlogits / len(labels)
""",
    ),
    Right(
        "numerical_gradient",
        "a step tensor for each flat index",
        """
def numerical_gradient(f, x, eps=1e-5):
    values = []
    for i in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[i] = eps
        step = step.reshape(x.shape)
        values.append((float(f(x + step)) - float(f(x - step))) / (2 * eps))
    return torch.tensor(values, dtype=x.dtype).reshape(x.shape)
""",
    ),
    Right(
        "numerical_gradient",
        "moves a contiguous copy and puts it back",
        """
def numerical_gradient(f, x, eps=1e-5):
    x = x.clone(memory_format=torch.contiguous_format)
    flat, grad = x.view(-1), []
    for i in range(len(flat)):
        value = flat[i].item()
        flat[i] = value + eps
        above = float(f(x))
        flat[i] = value - eps
        below = float(f(x))
        flat[i] = value
        grad.append((above - below) / (2 * eps))
    return torch.tensor(grad, dtype=torch.float64).view(x.shape)
""",
    ),
    Right(
        "mlp",
        "a list of caches, loops backwards",
        """
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
    ),
    Right(
        "mlp",
        "own matrix products, mask from the activations",
        """
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
    ),
    Right(
        "train",
        "parameters changed in place, slices of a permuted copy",
        """
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
    ),
    Right(
        "train",
        "a new dict of parameters at every step, nothing returned",
        """
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
    ),
]
