"""Homework 2: what students get wrong, and what they get right in other ways."""

from tests.support.solutions import Right, Wrong

# tests that train a network: run only for the solutions that they are about
SLOW = {"accuracy_test"}

# a loop over kernel positions; where they lie, what is done with Y, what is returned
LOOP = """
def conv2d_forward(X, K, b, stride=1, padding=0, dilation=1):
    H = output_size(X.shape[2], K.shape[2], stride, padding, dilation)
    W = output_size(X.shape[3], K.shape[3], stride, padding, dilation)
    N, C, height, width = X.shape
    padded = X.new_zeros(N, C, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = X
    Y = X.new_zeros(N, len(K), H, W)
    for i in range(K.shape[2]):
        for j in range(K.shape[3]):
            top, left = %s
            met = padded[:, :, top : top + stride * H : stride]
            met = met[:, :, :, left : left + stride * W : stride]
            Y %s torch.einsum("ncyx,oc->noyx", met, K[:, :, i, j])
    return %s
"""

SIZE = "(size + 2 * padding - span) // stride + 1"
OUTPUT_SIZE = [
    Wrong(
        "output_size",
        "first place not counted",
        [("// stride + 1", "// stride")],
        "output_size_test",
        "one too small: count the first place",
    ),
    Wrong(
        "output_size",
        "padding on one side only",
        [("2 * padding", "padding")],
        "output_size_test",
        "Padding is on both sides",
    ),
    Wrong(
        "output_size",
        "dilation ignored",
        [("dilation * (kernel - 1) + 1", "kernel")],
        "output_size_test",
        "dilation is ignored",
    ),
    Wrong(
        "output_size",
        "rounded up",
        [(SIZE, "math.ceil((size + 2 * padding - span) / stride) + 1")],
        "output_size_test",
        "sticks out does not count: round down",
    ),
    Wrong(
        "output_size",
        "span of kernel times dilation",
        [("dilation * (kernel - 1) + 1", "dilation * kernel")],
        "output_size_test",
        "as many gaps as entries, less one",
    ),
    Wrong(
        "output_size",
        "division that gives a float",
        [
            (
                SIZE,
                "(size + 2 * padding - span - (size + 2 * padding - span) % stride)"
                " / stride + 1",
            )
        ],
        "output_size_test",
        r"must be an int, not 5\.0",
    ),
    Wrong(
        "output_size",
        "stride ignored",
        [("// stride + 1", "+ 1")],
        "output_size_test",
        r"output_size\['size 7, kernel 2, stride 2, padding 0, dilation 1'\] is wrong",
    ),
    Wrong(
        "output_size",
        "rounded to the nearest",
        [(SIZE, "round((size + 2 * padding - span) / stride + 1)")],
        "output_size_test",
        "is wrong",
    ),
]

PADDED = "padded[:, :, padding : padding + H, padding : padding + W] = X"
PRODUCT = 'torch.einsum("ncyxij,ocij->noyx", windows, K)'
FORWARD = [
    Wrong(
        "conv2d_forward",
        "bias forgotten",
        [(" + b[:, None, None]", "")],
        "conv2d_forward_test",
        "bias is not added",
    ),
    Wrong(
        "conv2d_forward",
        "bias along the width",
        [("b[:, None, None]", "b")],
        "conv2d_forward_test",
        "spread along the width: it belongs to the channel",
    ),
    Wrong(
        "conv2d_forward",
        "bias once for each input channel",
        [("b[:, None, None]", "C * b[:, None, None]")],
        "conv2d_forward_test",
        "once for each input channel",
    ),
    Wrong(
        "conv2d_forward",
        "kernel flipped",
        [("windows, K)", "windows, K.flip(2, 3))")],
        "conv2d_forward_test",
        r"kernel is flipped: K\[o, c, 0, 0\]",
    ),
    Wrong(
        "conv2d_forward",
        "kernel transposed",
        [("ocij->", "ocji->")],
        "conv2d_forward_test",
        "Rows and columns of the kernel are swapped",
    ),
    Wrong(
        "conv2d_forward",
        "channels of the kernel swapped",
        [("ocij->", "coij->")],
        "conv2d_forward_test",
        "operand",
    ),
    Wrong(
        "conv2d_forward",
        "stride ignored",
        [("    kh, kw = K", "    stride = 1\n    kh, kw = K")],
        "conv2d_forward_test",
        r"\(stride 2\) is wrong\. The stride \(2\) is ignored",
    ),
    Wrong(
        "conv2d_forward",
        "padding ignored",
        [("    kh, kw = K", "    padding = 0\n    kh, kw = K")],
        "conv2d_forward_test",
        r"padding \(1\) is ignored",
    ),
    Wrong(
        "conv2d_forward",
        "dilation ignored",
        [("    kh, kw = K", "    dilation = 1\n    kh, kw = K")],
        "conv2d_forward_test",
        r"dilation \(2\) is ignored",
    ),
    Wrong(
        "conv2d_forward",
        "padding at the end only",
        [(PADDED, "padded[:, :, :H, :W] = X")],
        "conv2d_forward_test",
        r"conv2d_forward \(padding 1\) is wrong in",
    ),
    Wrong(
        "conv2d_forward",
        "width and height swapped in the output",
        [("->noyx", "->noxy")],
        "conv2d_forward_test",
        r"has shape \(2, 4, 4, 3\), expected \(2, 4, 3, 4\)",
    ),
    Wrong(
        "conv2d_forward",
        "one place too few",
        [("return torch", "windows = windows[:, :, :-1, :-1]\n    return torch")],
        "conv2d_forward_test",
        r"has shape \(2, 4, 2, 3\), expected \(2, 4, 3, 4\)",
    ),
    Wrong(
        "conv2d_forward",
        "stride not multiplied into the dilated place",
        [
            (
                "windows[..., ::dilation, ::dilation]",
                "windows[..., :: dilation * stride, :: dilation * stride]",
            )
        ],
        "conv2d_forward_test",
        r"operand|subscript",
    ),
    Wrong(
        "conv2d_forward",
        "kernel positions not spread by the dilation",
        LOOP % ("i, j", "+=", "Y + b[:, None, None]"),
        "conv2d_forward_test",
        "dilation 2.* is wrong. Entry .i, j. of the kernel meets the pixel i·d further down",
    ),
    Wrong(
        "conv2d_forward",
        "each kernel position overwrites the one before",
        LOOP % ("i * dilation, j * dilation", "=", "Y + b[:, None, None]"),
        "conv2d_forward_test",
        "Only the last kernel position is left: Y is their sum",
    ),
    Wrong(
        "conv2d_forward",
        "bias overwritten too",
        LOOP % ("i * dilation, j * dilation", "=", "Y"),
        "conv2d_forward_test",
        "Only the last kernel position is left, without bias",
    ),
    Wrong(
        "conv2d_forward",
        "input channels not summed",
        [("->noyx", "->ncyx")],
        "conv2d_forward_test",
        "size of tensor|has shape",
    ),
    Wrong(
        "conv2d_forward",
        "stack of squeezed images, which drops a batch of one",
        [("return " + PRODUCT, "return " + PRODUCT + ".squeeze(0)")],
        "conv2d_more_test",
        "a batch of one.*dimensions of 1",
    ),
    Wrong(
        "conv2d_forward",
        "kernel taken to be square",
        [("kh, kw = K.shape[2:]", "kh = kw = K.shape[2]")],
        "conv2d_forward_test",
        "operand|subscript",
    ),
    Wrong(
        "conv2d_forward",
        "float32 whatever the input",
        [
            (
                "return torch",
                "windows, K, b = windows.float(), K.float(), b.float()\n"
                "    return torch",
            )
        ],
        "conv2d_more_test",
        "conv2d_forward is torch.float32 for torch.float64 input",
    ),
    Wrong(
        "conv2d_forward",
        "view of what is not contiguous",
        [("return torch", "K = K.view(len(K), -1).view(K.shape)\n    return torch")],
        "conv2d_more_test",
        "view size is not compatible",
    ),
    Wrong(
        "conv2d_forward",
        "bias given two more dimensions in place",
        [("b[:, None, None]", "b.unsqueeze_(-1).unsqueeze_(-1)")],
        "conv2d_more_test",
        "conv2d_forward changed its argument 3 in place",
    ),
]

BACKWARD = [
    Wrong(
        "conv2d_backward",
        "shares of overlapping windows overwritten",
        [("columns] += share", "columns] = share")],
        "conv2d_backward_test",
        r"dX \(windows that overlap: their shares add up\) is wrong",
    ),
    Wrong(
        "conv2d_backward",
        "padding not cut off",
        [("return dpadded[inside]", "return dpadded")],
        "conv2d_backward_test",
        "padding is to be cut off",
    ),
    Wrong(
        "conv2d_backward",
        "padding cut off on one side only",
        [("return dpadded[inside]", "return dpadded[:, :, :H, :W]")],
        "conv2d_backward_test",
        r"dX \(padding 1\) is wrong",
    ),
    Wrong(
        "conv2d_backward",
        "stride ignored",
        [("    N, C, H, W = X", "    stride = 1\n    N, C, H, W = X")],
        "conv2d_backward_test",
        r"dX \(windows side by side\) is wrong",
    ),
    Wrong(
        "conv2d_backward",
        "dilation ignored",
        [("i * dilation, j * dilation", "i, j")],
        "conv2d_backward_test",
        r"dX \(dilation 2\) is wrong",
    ),
    Wrong(
        "conv2d_backward",
        "padding ignored",
        [("    N, C, H, W = X", "    padding = 0\n    N, C, H, W = X")],
        "conv2d_backward_test",
        "operand|subscript|shape",
    ),
    Wrong(
        "conv2d_backward",
        "kernel flipped on the way to the input",
        [("K[:, :, i, j])", "K.flip(2, 3)[:, :, i, j])")],
        "conv2d_backward_test",
        "flipped once too often",
    ),
    Wrong(
        "conv2d_backward",
        "kernel's gradient flipped",
        [("dpadded[inside], dK,", "dpadded[inside], dK.flip(2, 3),")],
        "conv2d_backward_test",
        r"It is flipped: dK\[o, c, 0, 0\]",
    ),
    Wrong(
        "conv2d_backward",
        "bias gradient summed over the batch only",
        [("dout.sum((0, 2, 3))", "dout.sum(0)")],
        "conv2d_backward_test",
        "db .* not summed over the image",
    ),
    Wrong(
        "conv2d_backward",
        "bias gradient not summed over the batch",
        [("dout.sum((0, 2, 3))", "dout.sum((2, 3))")],
        "conv2d_backward_test",
        r"db .*has shape .*first \(batch\) dimension may be missing",
    ),
    Wrong(
        "conv2d_backward",
        "bias gradient averaged",
        [("dout.sum((0, 2, 3))", "dout.mean((0, 2, 3))")],
        "conv2d_backward_test",
        "db .*1/12 of what it should be",
    ),
    Wrong(
        "conv2d_backward",
        "bias gradient with keepdim",
        [("dout.sum((0, 2, 3))", "dout.sum((0, 2, 3), keepdim=True)")],
        "conv2d_backward_test",
        "db .*dimensions of 1",
    ),
    Wrong(
        "conv2d_backward",
        "kernel's gradient averaged over the batch",
        [("dpadded[inside], dK,", "dpadded[inside], dK / N,")],
        "conv2d_backward_test",
        "dK .*1/2 of what it should be",
    ),
    Wrong(
        "conv2d_backward",
        "kernel's gradient from the sum of the channels",
        [('"noyx,ncyx->oc", dout, met)', '"noyx,ncyx->o", dout, met)[:, None]')],
        "conv2d_backward_test",
        "meets its own channel of X, not their sum",
    ),
    Wrong(
        "conv2d_backward",
        "kernel's gradient of the last image only",
        [
            (
                'torch.einsum("noyx,ncyx->oc", dout, met)',
                'torch.einsum("oyx,cyx->oc", dout[-1], met[-1])',
            )
        ],
        "conv2d_backward_test",
        r"dK \(windows side by side\) is wrong",
    ),
    Wrong(
        "conv2d_backward",
        "gradients in another order",
        [
            (
                "return dpadded[inside], dK, dout.sum((0, 2, 3))",
                "return dK, dout.sum((0, 2, 3)), dpadded[inside]",
            )
        ],
        "conv2d_backward_test",
        r"dX .*has shape \(4, 3, 3, 3\), expected \(2, 3, 6, 9\)",
    ),
    Wrong(
        "conv2d_backward",
        "gradients of the parameters only",
        [("return dpadded[inside], dK", "return dK")],
        "conv2d_backward_test",
        r"must return the tuple \(dX, dK, db\)",
    ),
    Wrong(
        "conv2d_backward",
        "size of the input worked out from the output",
        [
            (
                "    padded = X",
                "    H = (H_out - 1) * stride + dilation * (K.shape[2] - 1)"
                " + 1 - 2 * padding\n    X = X[:, :, :H]\n"
                "    inside = (..., slice(padding, padding + H), slice(padding, padding + W))"
                "\n    padded = X",
            )
        ],
        "conv2d_backward_test",
        "dX .*has shape",
    ),
    Wrong(
        "conv2d_backward",
        "float32 whatever the input",
        [("return dpadded[inside]", "return dpadded[inside].float()")],
        "conv2d_more_test",
        "dX is torch.float32 for torch.float64 input",
    ),
    Wrong(
        "conv2d_backward",
        "dout changed in place",
        [
            (
                "    N, C, H, W = X",
                "    dout *= 1 + 1e-9 * len(dout)\n    N, C, H, W = X",
            )
        ],
        "conv2d_more_test",
        "conv2d_backward changed its argument 1 in place",
    ),
]

POOL = [
    Wrong(
        "max_pool",
        "mean",
        [("windows.amax((4, 5))", "windows.mean((4, 5))")],
        "max_pool_forward_test",
        "mean of each window",
    ),
    Wrong(
        "max_pool",
        "minimum",
        [("amax", "amin")],
        "max_pool_forward_test",
        "smallest entry",
    ),
    Wrong(
        "max_pool",
        "maximum that starts from 0",
        [("amax((4, 5))", "amax((4, 5)).clamp(min=0)")],
        "max_pool_forward_test",
        "never falls below 0",
    ),
    Wrong(
        "max_pool",
        "maximum over the channels too",
        [("amax((4, 5))", "amax((1, 4, 5)).unsqueeze(1)")],
        "max_pool_forward_test",
        "over the channels too",
    ),
    Wrong(
        "max_pool",
        "stride ignored, windows side by side",
        [
            (
                "return windows.amax",
                "stride = kernel\n    windows = "
                "X.unfold(2, kernel, stride).unfold(3, kernel, stride)\n"
                "    return windows.amax",
            )
        ],
        "max_pool_forward_test",
        "move by the kernel's size",
    ),
    Wrong(
        "max_pool",
        "stride of 1",
        [
            (
                "return windows.amax",
                "windows = X.unfold(2, kernel, 1).unfold(3, kernel, 1)"
                "\n    return windows.amax",
            )
        ],
        "max_pool_forward_test",
        "windows move by 1",
    ),
    Wrong(
        "max_pool",
        "windows that stick out kept",
        """
def max_pool_forward(X, kernel, stride):
    H, W = X.shape[2:]
    tall, wide = math.ceil((H - kernel) / stride), math.ceil((W - kernel) / stride)
    Y = X.new_empty(*X.shape[:2], tall + 1, wide + 1)
    for y in range(tall + 1):
        for x in range(wide + 1):
            top, left = y * stride, x * stride
            window = X[:, :, top : top + kernel, left : left + kernel]
            Y[:, :, y, x] = window.amax((2, 3))
    return Y


def max_pool_backward(dout, X, kernel, stride):
    raise NotImplementedError
""",
        "max_pool_forward_test",
        "stick out are to be left out",
    ),
    Wrong(
        "max_pool",
        "gradient to every entry of the window",
        [("dout * (winner == i * kernel + j)", "dout")],
        "max_pool_backward_test",
        "Every entry of a window gets the gradient",
    ),
    Wrong(
        "max_pool",
        "gradient spread evenly",
        [("dout * (winner == i * kernel + j)", "dout / kernel**2")],
        "max_pool_backward_test",
        "spread evenly, as for the mean",
    ),
    Wrong(
        "max_pool",
        "gradient to all equal entries",
        [
            (
                "dout * (winner == i * kernel + j)",
                "dout * (windows[..., i, j] == windows.amax((4, 5)))",
            )
        ],
        "max_pool_backward_test",
        r"\(equal entries\) is wrong\. All of several equal entries get it",
    ),
    Wrong(
        "max_pool",
        "gradient shared among equal entries",
        [
            (
                "    H_out",
                "    best = windows == windows.amax((4, 5), keepdim=True)\n    H_out",
            ),
            ("(winner == i * kernel + j)", "best[..., i, j] / best.sum((4, 5))"),
        ],
        "max_pool_backward_test",
        "shared among equal entries",
    ),
    Wrong(
        "max_pool",
        "gradient to the last of equal entries",
        [
            (
                "windows.flatten(4).argmax(4)",
                "kernel**2 - 1 - windows.flatten(4).flip(4).argmax(4)",
            )
        ],
        "max_pool_backward_test",
        "last one gets it: it must be the first",
    ),
    Wrong(
        "max_pool",
        "first of equal entries column by column",
        [
            ("windows.flatten(4)", "windows.mT.flatten(4)"),
            ("== i * kernel + j", "== j * kernel + i"),
        ],
        "max_pool_backward_test",
        r"max_pool_backward \(equal entries\) is wrong in",
    ),
    Wrong(
        "max_pool",
        "several wins overwritten",
        [("columns] += dout *", "columns] = dout *")],
        "max_pool_backward_test",
        r"an entry may win in several windows\) is wrong",
    ),
    Wrong(
        "max_pool",
        "upstream gradient forgotten",
        [("dout * (winner", "1.0 * (winner")],
        "max_pool_backward_test",
        "does not use dout",
    ),
    Wrong(
        "max_pool",
        "stride ignored on the way back",
        [("slice(i, i + stride * H_out, stride)", "slice(i, i + 2 * H_out, 2)")],
        "max_pool_backward_test",
        "size of tensor|is wrong",
    ),
    Wrong(
        "max_pool",
        "size of dX worked out from dout",
        [
            (
                "torch.zeros_like(X)",
                "X.new_zeros(*dout.shape[:2], "
                "kernel + stride * (H_out - 1), kernel + stride * (W_out - 1))",
            )
        ],
        "max_pool_backward_test",
        r"odd size\) has shape \(2, 3, 4, 6\), expected \(2, 3, 5, 7\)",
    ),
    Wrong(
        "max_pool",
        "view of what is not contiguous",
        [("    winner", "    X.view(-1)\n    winner")],
        "max_pool_more_test",
        "view size is not compatible",
    ),
    Wrong(
        "max_pool",
        "dout changed in place",
        [("    winner", "    dout *= 1 + 1e-8\n    winner")],
        "max_pool_more_test",
        "max_pool_backward changed its argument 1 in place",
    ),
    Wrong(
        "max_pool",
        "float64 whatever the input",
        [("torch.zeros_like(X)", "torch.zeros(X.shape, dtype=torch.float64)")],
        "max_pool_more_test",
        "max_pool_backward returns torch.float64 for torch.float32",
    ),
]
MEAN, VAR = "X.mean((0, 2, 3))", "X.var((0, 2, 3), correction=0)"
STD = "torch.sqrt(var + self.eps)"
OUT = "return gamma[:, None, None] * self.x_hat + beta[:, None, None]"
UPDATE_MEAN = "old * self.running_mean + new * mean"
UPDATE_VAR = "old * self.running_var + new * var * n / (n - 1)"
BATCH_NORM = [
    Wrong(
        "batch_norm",
        "gamma and beta forgotten",
        [(OUT, "return self.x_hat")],
        "batch_norm_forward_test",
        "gamma and beta are not used",
    ),
    Wrong(
        "batch_norm",
        "beta forgotten",
        [(" + beta[:, None, None]", "")],
        "batch_norm_forward_test",
        "beta is not added",
    ),
    Wrong(
        "batch_norm",
        "beta added before gamma multiplies",
        [(OUT, "return gamma[:, None, None] * (self.x_hat + beta[:, None, None])")],
        "batch_norm_forward_test",
        "beta is added before gamma multiplies",
    ),
    Wrong(
        "batch_norm",
        "gamma and beta swapped",
        [("    if training:", "    gamma, beta = beta, gamma\n        if training:")],
        "batch_norm_forward_test",
        "gamma and beta are swapped",
    ),
    Wrong(
        "batch_norm",
        "gamma and beta along the width",
        [(OUT, "return gamma * self.x_hat + beta")],
        "batch_norm_forward_test",
        "size of tensor",
    ),
    Wrong(
        "batch_norm",
        "mean not subtracted",
        [("(X - mean[:, None, None])", "X")],
        "batch_norm_forward_test",
        "mean is not subtracted",
    ),
    Wrong(
        "batch_norm",
        "divided by the variance",
        [(STD, "var + self.eps")],
        "batch_norm_forward_test",
        "divided by the variance: the root is missing",
    ),
    Wrong(
        "batch_norm",
        "eps outside the root",
        [(STD, "torch.sqrt(var) + self.eps")],
        "batch_norm_forward_test",
        "eps belongs below the root",
    ),
    Wrong(
        "batch_norm",
        "eps forgotten",
        [(STD, "torch.sqrt(var)")],
        "batch_norm_forward_test",
        "eps is left out",
    ),
    Wrong(
        "batch_norm",
        "eps fixed",
        [("self.eps, self.momentum = eps", "self.eps, self.momentum = 1e-5")],
        "batch_norm_forward_test",
        r"forward in training.* is wrong in",
    ),
    Wrong(
        "batch_norm",
        "unbiased variance in the normalisation",
        [(VAR, "X.var((0, 2, 3))"), ("var * n / (n - 1)", "var")],
        "batch_norm_forward_test",
        r"divided by the unbiased deviation: here the variance has 1/n",
    ),
    Wrong(
        "batch_norm",
        "statistics of each image",
        [
            (
                "std = " + STD,
                "mean, var = X.mean((2, 3)), X.var((2, 3), correction=0)\n"
                "        gamma, beta = gamma.expand_as(mean), beta.expand_as(mean)\n"
                "        self.training = True\n"
                "        self.x_hat = (X - mean[..., None, None]) / torch.sqrt(\n"
                "            var[..., None, None] + self.eps\n        )\n"
                "        return gamma[..., None, None] * self.x_hat + beta[..., None, None]\n"
                "        std = 0",
            )
        ],
        "batch_norm_forward_test",
        "Each image is normalised by itself",
    ),
    Wrong(
        "batch_norm",
        "statistics of all channels together",
        [
            (
                "std = " + STD,
                "mean, var = X.mean().expand_as(mean), "
                "X.var(correction=0).expand_as(var)\n        std = " + STD,
            )
        ],
        "batch_norm_forward_test",
        "channels are mixed",
    ),
    Wrong(
        "batch_norm",
        "statistics over the batch only",
        [
            (
                "std = " + STD,
                "mean, var = X.mean(0), X.var(0, correction=0)\n"
                "        return (X - mean) / torch.sqrt(var + self.eps) * "
                "gamma[:, None, None] + beta[:, None, None]\n        std = " + STD,
            )
        ],
        "batch_norm_forward_test",
        "taken over N only",
    ),
    Wrong(
        "batch_norm",
        "running variance biased",
        [("new * var * n / (n - 1)", "new * var")],
        "batch_norm_eval_test",
        r"running_var after batch 1 is wrong\. It is the biased variance",
    ),
    Wrong(
        "batch_norm",
        "running variance by the size of the batch",
        [("X.numel() // X.shape[1]", "len(X)")],
        "batch_norm_eval_test",
        "divided by N − 1, but n = N·H·W",
    ),
    Wrong(
        "batch_norm",
        "running standard deviation",
        [(UPDATE_VAR, "old * self.running_var + new * (var * n / (n - 1)).sqrt()")],
        "batch_norm_eval_test",
        "standard deviations, not variances",
    ),
    Wrong(
        "batch_norm",
        "momentum the wrong way round",
        [
            (
                "old, new = 1 - self.momentum, self.momentum",
                "old, new = self.momentum, 1 - self.momentum",
            )
        ],
        "batch_norm_eval_test",
        "momentum is the wrong way round",
    ),
    Wrong(
        "batch_norm",
        "momentum fixed",
        [
            (
                "self.eps, self.momentum = eps, momentum",
                "self.eps, self.momentum = eps, 0.1",
            )
        ],
        "batch_norm_eval_test",
        "does not use the momentum",
    ),
    Wrong(
        "batch_norm",
        "old value not faded",
        [("old, new = 1 - self.momentum,", "old, new = 1,")],
        "batch_norm_eval_test",
        "not multiplied by 1 − momentum",
    ),
    Wrong(
        "batch_norm",
        "statistics of the latest batch kept",
        [(UPDATE_MEAN, "mean")],
        "batch_norm_eval_test",
        "that of the latest batch",
    ),
    Wrong(
        "batch_norm",
        "running statistics never updated",
        [("self.running_mean = " + UPDATE_MEAN, "running_mean = " + UPDATE_MEAN)],
        "batch_norm_eval_test",
        "running_mean after batch 1 is wrong. It is not updated",
    ),
    Wrong(
        "batch_norm",
        "running variance starts at 0",
        [("torch.ones(channels)", "torch.zeros(channels)")],
        "batch_norm_eval_test",
        "running_var at the start is wrong",
    ),
    Wrong(
        "batch_norm",
        "mode ignored: the batch's statistics in use, too",
        [("        if training:", "        if True:")],
        "batch_norm_eval_test",
        "batch's own statistics are used",
    ),
    Wrong(
        "batch_norm",
        "running statistics updated in use",
        [
            (
                "mean, var = self.running_mean, self.running_var",
                "mean, var = self.running_mean, self.running_var\n"
                "            self.running_mean = 0.9 * mean + 0.1 * " + MEAN,
            )
        ],
        "batch_norm_eval_test",
        "after a forward with training=False, which must leave it alone",
    ),
    Wrong(
        "batch_norm",
        "no root in use",
        [
            (
                "mean, var = self.running_mean, self.running_var",
                "mean, var = self.running_mean, (self.running_var + self.eps) ** 2 - "
                "self.eps",
            )
        ],
        "batch_norm_eval_test",
        "forward in use .*the root is missing",
    ),
    Wrong(
        "batch_norm",
        "mean taken as a constant",
        [("dX = dout - dout.mean((0, 2, 3), keepdim=True) -", "dX = dout -")],
        "batch_norm_backward_test",
        "What goes back by the mean is missing",
    ),
    Wrong(
        "batch_norm",
        "variance taken as a constant",
        [(" - self.x_hat * by_var", "")],
        "batch_norm_backward_test",
        "What goes back by the variance is missing",
    ),
    Wrong(
        "batch_norm",
        "mean and variance taken as constants",
        [
            (
                "        if self.training:\n            by_var",
                "        if False:\n            by_var",
            )
        ],
        "batch_norm_backward_test",
        "Mean and variance depend on X too",
    ),
    Wrong(
        "batch_norm",
        "gamma forgotten on the way back",
        [("gamma / std", "1 / std")],
        "batch_norm_backward_test",
        "dX .*does not use gamma",
    ),
    Wrong(
        "batch_norm",
        "gradient of gamma with X",
        [
            ("        self.x_hat = ", "        self.X = X\n        self.x_hat = "),
            ("dgamma, dbeta = (dout * self.x_hat)", "dgamma, dbeta = (dout * self.X)"),
        ],
        "batch_norm_backward_test",
        "dgamma .*taken with X",
    ),
    Wrong(
        "batch_norm",
        "gradients of gamma and beta averaged",
        [
            ("(dout * self.x_hat).sum(", "(dout * self.x_hat).mean("),
            ("dout.sum(", "dout.mean("),
        ],
        "batch_norm_backward_test",
        "dgamma .*1/40 of what it should be",
    ),
    Wrong(
        "batch_norm",
        "gradient of beta summed over the batch only",
        [("dout.sum((0, 2, 3))", "dout.sum(0)")],
        "batch_norm_backward_test",
        "dbeta .*has shape",
    ),
    Wrong(
        "batch_norm",
        "means over the batch only on the way back",
        [
            (
                "by_var = (dout * self.x_hat).mean((0, 2, 3), keepdim=True)",
                "by_var = (dout * self.x_hat).mean(0, keepdim=True)",
            ),
            ("dout.mean((0, 2, 3), keepdim=True)", "dout.mean(0, keepdim=True)"),
        ],
        "batch_norm_backward_test",
        r"dX \(in training\) is wrong",
    ),
    Wrong(
        "batch_norm",
        "backward as in training after a forward in use",
        [("        if self.training:", "        if True:")],
        "batch_norm_backward_test",
        r"dX \(in use\) is wrong\. In use, mean and variance are constants",
    ),
    Wrong(
        "batch_norm",
        "tuple without dX",
        [("return self.slope[:, None, None] * dX, dgamma", "return dgamma")],
        "batch_norm_backward_test",
        r"must return the tuple \(dX, dgamma, dbeta\)",
    ),
    Wrong(
        "batch_norm",
        "variance as mean of squares less square of mean",
        [(VAR, "(X**2).mean((0, 2, 3)) - mean**2")],
        "batch_norm_more_test",
        r"forward \(a large mean, float32\) is wrong",
    ),
    Wrong(
        "batch_norm",
        "X centred in place",
        [
            (
                "self.x_hat = (X - mean[:, None, None]) / std[:, None, None]",
                "X -= mean[:, None, None]\n        self.x_hat = X / std[:, None, None]",
            )
        ],
        "batch_norm_more_test",
        "forward changed its argument 1 in place",
    ),
    Wrong(
        "batch_norm",
        "dout changed in place",
        [("        dX = dout\n", "        dX = dout\n        dX *= 1.001\n")],
        "batch_norm_backward_test",
        "is wrong",
    ),
    Wrong(
        "batch_norm",
        "running statistics shared by all layers",
        [
            (
                "self.running_mean = torch.zeros(channels)",
                "BatchNorm2d.running_mean = torch.zeros(channels)",
            ),
            (
                "self.running_mean = " + UPDATE_MEAN,
                "BatchNorm2d.running_mean = " + UPDATE_MEAN,
            ),
        ],
        "batch_norm_more_test",
        "running_mean after a forward of another layer",
    ),
    Wrong(
        "batch_norm",
        "what the way back needs shared by all layers",
        [("        self.x_hat = ", "        BatchNorm2d.x_hat = ")],
        "batch_norm_more_test",
        r"dX \(.*\) is wrong",
    ),
    Wrong(
        "batch_norm",
        "running statistics in float64",
        [("torch.zeros(channels)", "torch.zeros(channels, dtype=torch.float64)")],
        "batch_norm_more_test",
        "float64",
    ),
]

FACTOR = "self.factor = kept.to(X.dtype) / (1 - self.p)"
KEPT = "torch.rand(X.shape, generator=self.generator) >= self.p"
DROPOUT = [
    Wrong(
        "dropout",
        "what stays is not scaled",
        [(FACTOR, "self.factor = kept.to(X.dtype)")],
        "dropout_test",
        "forward in training is wrong. What stays is not scaled",
    ),
    Wrong(
        "dropout",
        "multiplied by 1 − p",
        [("/ (1 - self.p)", "* (1 - self.p)")],
        "dropout_test",
        "multiplied by 1 − p: divide",
    ),
    Wrong(
        "dropout",
        "divided by p",
        [("/ (1 - self.p)", "/ self.p")],
        "dropout_test",
        "divided by p: divide by the probability of staying",
    ),
    Wrong(
        "dropout",
        "p taken as the probability of staying",
        [(">= self.p", "< self.p"), ("/ (1 - self.p)", "/ self.p")],
        "dropout_test",
        "p is the probability that an entry is dropped",
    ),
    Wrong(
        "dropout",
        "active in use",
        [("        if training:", "        if True:")],
        "dropout_test",
        r"forward in use \(training=False\) is wrong",
    ),
    Wrong(
        "dropout",
        "scaled in use, not in training",
        [
            (FACTOR, "self.factor = kept.to(X.dtype)"),
            (
                "return X * self.factor",
                "return X * self.factor * (1 if training else 1 - self.p)",
            ),
        ],
        "dropout_test",
        "In use there is nothing to scale",
    ),
    Wrong(
        "dropout",
        "does nothing",
        [("        if training:", "        if False:")],
        "dropout_test",
        "drops nothing",
    ),
    Wrong(
        "dropout",
        "a new mask on the way back",
        [("return dout * self.factor", "return self.forward(dout, True)")],
        "dropout_test",
        "backward after a forward in use|does not use the mask of forward",
    ),
    Wrong(
        "dropout",
        "a new mask on the way back in training",
        [
            (
                "return dout * self.factor",
                "return self.forward(dout, not torch.all(self.factor == 1))",
            )
        ],
        "dropout_test",
        "does not use the mask of forward",
    ),
    Wrong(
        "dropout",
        "gradient not scaled",
        [("return dout * self.factor", "return dout * (self.factor > 0)")],
        "dropout_test",
        "scaled in forward, so the gradient is too",
    ),
    Wrong(
        "dropout",
        "everything gets through on the way back",
        [("return dout * self.factor", "return dout")],
        "dropout_test",
        "does not use the mask of forward",
    ),
    Wrong(
        "dropout",
        "mask of an earlier forward after one in use",
        [
            (
                "        self.factor = torch.ones_like(X)\n        if training:",
                "        if not training:\n            return X\n        if training:",
            ),
            ("return dout * self.factor", "return dout * getattr(self, 'factor', 1)"),
        ],
        "dropout_test",
        "backward after the latest forward, in use",
    ),
    Wrong(
        "dropout",
        "one mask for the whole batch",
        [
            ("torch.rand(X.shape,", "torch.rand(X.shape[1:],"),
            (FACTOR, "self.factor = kept.expand(X.shape).to(X.dtype) / (1 - self.p)"),
        ],
        "dropout_test",
        "All slices along dimension 0 have the same mask",
    ),
    Wrong(
        "dropout",
        "same mask at every call",
        [
            (
                "            kept",
                "            self.generator.manual_seed(0)\n            kept",
            )
        ],
        "dropout_test",
        "must draw a new mask",
    ),
    Wrong(
        "dropout",
        "seed not used",
        [("manual_seed(seed)", "manual_seed(0)")],
        "dropout_test",
        "use the seed",
    ),
    Wrong(
        "dropout",
        "global random numbers",
        [
            ("torch.Generator().manual_seed(seed)", "torch.manual_seed(seed)"),
            ("generator=self.generator", "generator=None"),
        ],
        "dropout_test",
        "draws with a generator of its own",
    ),
    Wrong(
        "dropout",
        "mask shared by all layers",
        [
            (FACTOR, FACTOR.replace("self.factor", "Dropout.factor")),
            (
                "        self.factor = torch.ones_like(X)\n",
                "        Dropout.factor = torch.ones_like(X)\n",
            ),
        ],
        "dropout_test",
        "each keeps its own mask",
    ),
    Wrong(
        "dropout",
        "input changed in place",
        [("return X * self.factor", "X *= self.factor\n        return X")],
        "dropout_test",
        "is wrong|changed its argument|must draw",
    ),
    Wrong(
        "dropout",
        "mask of float32 whatever the input",
        [("return X * self.factor", "return (X * self.factor).float()")],
        "dropout_test",
        "keep the dtype",
    ),
]

HE = [
    Wrong(
        "he_init",
        "variance as standard deviation",
        [("math.sqrt(2 / fan_in)", "2 / fan_in")],
        "he_init_test",
        "2/fan-in is the variance, not the standard deviation",
    ),
    Wrong(
        "he_init",
        "fan-out",
        [("math.prod(shape[1:])", "shape[0] * math.prod(shape[2:])")],
        "he_init_test",
        "by the fan-out",
    ),
    Wrong(
        "he_init",
        "input channels only",
        [("math.prod(shape[1:])", "shape[1]")],
        "he_init_test",
        "fan-in is not C_in alone",
    ),
    Wrong(
        "he_init",
        "variance 1/fan-in",
        [("2 / fan_in", "1 / fan_in")],
        "he_init_test",
        "The 2 is missing",
    ),
    Wrong(
        "he_init",
        "uniform from 0",
        [("torch.randn(", "math.sqrt(12) * torch.rand(")],
        "he_init_test",
        "mean is .*not 0",
    ),
    Wrong(
        "he_init",
        "uniform",
        [
            (
                "torch.randn(shape, generator=g)",
                "math.sqrt(12) * (torch.rand(shape, generator=g) - 0.5)",
            )
        ],
        "he_init_test",
        "normal distribution",
    ),
    Wrong(
        "he_init",
        "seed not used",
        [("manual_seed(seed)", "manual_seed(0)")],
        "he_init_test",
        "seed is not used",
    ),
    Wrong(
        "he_init",
        "generator not used",
        [(", generator=g)", ")")],
        "he_init_test",
        "same seed gives other numbers",
    ),
    Wrong(
        "he_init",
        "divided by all entries",
        [("math.prod(shape[1:])", "math.prod(shape)")],
        "he_init_test",
        "times what it should be",
    ),
]

BLOCK = [
    Wrong(
        "residual_block",
        "X not added",
        [("(Z + X).clamp", "Z.clamp")],
        "residual_forward_test",
        "X is not added",
    ),
    Wrong(
        "residual_block",
        "ReLU before the addition",
        [("(Z + X).clamp(min=0)", "Z.clamp(min=0) + X")],
        "residual_forward_test",
        "comes after the addition, not before",
    ),
    Wrong(
        "residual_block",
        "last ReLU forgotten",
        [("(Z + X).clamp(min=0)", "Z + X")],
        "residual_forward_test",
        "last ReLU is missing",
    ),
    Wrong(
        "residual_block",
        "ReLU between the convolutions forgotten",
        [("self.A = Z.clamp(min=0)", "self.A = Z")],
        "residual_forward_test",
        "ReLU between the convolutions is missing",
    ),
    Wrong(
        "residual_block",
        "first kernels twice",
        [("conv2d_forward(self.A, self.K2", "conv2d_forward(self.A, self.K1")],
        "residual_forward_test",
        "second convolution uses K1",
    ),
    Wrong(
        "residual_block",
        "second batch norm forgotten",
        [
            (
                '        Z = self.bn2.forward(Z, params["gamma2"], params["beta2"], '
                "training)\n",
                "",
            )
        ],
        "residual_forward_test",
        "second batch norm is missing",
    ),
    Wrong(
        "residual_block",
        "no padding",
        [
            ("self.K1, no_bias, 1, 1)", "self.K1, no_bias, 1)"),
            (
                "conv2d_forward(self.A, self.K2, no_bias, 1, 1)",
                "conv2d_forward(self.A, self.K2, no_bias, 1)",
            ),
        ],
        "residual_forward_test",
        "maximum size for tensor",
    ),
    Wrong(
        "residual_block",
        "one batch norm for both",
        [
            (
                "self.bn1, self.bn2 = BatchNorm2d(channels), BatchNorm2d(channels)",
                "self.bn1 = self.bn2 = BatchNorm2d(channels)",
            )
        ],
        "residual_forward_test",
        "forward in use.* is wrong",
    ),
    Wrong(
        "residual_block",
        "batch norms always in training",
        [
            ('params["beta1"], training)', 'params["beta1"], True)'),
            ('params["beta2"], training)', 'params["beta2"], True)'),
        ],
        "residual_forward_test",
        "hand training on to the batch norms",
    ),
    Wrong(
        "residual_block",
        "gradient of the skip forgotten",
        [("return dX + dsum, grads", "return dX, grads")],
        "residual_backward_test",
        "dX is wrong. What goes back by the skip is missing",
    ),
    Wrong(
        "residual_block",
        "skip's gradient not by the last ReLU",
        [("return dX + dsum, grads", "return dX + dout, grads")],
        "residual_backward_test",
        "has to go back by the last ReLU too",
    ),
    Wrong(
        "residual_block",
        "last ReLU skipped on the way back",
        [("dsum = dout * (self.Y > 0)", "dsum = dout")],
        "residual_backward_test",
        "skips the last ReLU",
    ),
    Wrong(
        "residual_block",
        "inner ReLU skipped on the way back",
        [("dA * (self.A > 0)", "dA")],
        "residual_backward_test",
        "skips the ReLU between the convolutions",
    ),
    Wrong(
        "residual_block",
        "kernels swapped on the way back",
        [
            (
                "conv2d_backward(dZ, self.A, self.K2, 1, 1)",
                "conv2d_backward(dZ, self.A, self.K1, 1, 1)",
            )
        ],
        "residual_backward_test",
        r"(gamma1|beta1) is wrong",
    ),
    Wrong(
        "residual_block",
        "input of the block for that of the second convolution",
        [
            (
                "conv2d_backward(dZ, self.A, self.K2, 1, 1)",
                "conv2d_backward(dZ, self.X, self.K2, 1, 1)",
            )
        ],
        "residual_backward_test",
        "K2 is wrong",
    ),
    Wrong(
        "residual_block",
        "grads only",
        [("return dX + dsum, grads", "return grads")],
        "residual_backward_test",
        r"must return \(dX, grads\)",
    ),
    Wrong(
        "residual_block",
        "gradients of the kernels only",
        [
            (
                "return dX + dsum, grads",
                "return dX + dsum, {k: v for k, v in grads.items() if k[0] == 'K'}",
            )
        ],
        "residual_backward_test",
        "no entry for beta1, beta2, gamma1, gamma2",
    ),
    Wrong(
        "residual_block",
        "what the way back needs shared by all blocks",
        [
            (
                "        self.X, self.K1, self.K2 = ",
                "        ResidualBlock.X, self.K1, self.K2 = ",
            )
        ],
        "residual_backward_test",
        "each keeps its own",
    ),
]

CNN = [
    Wrong(
        "cnn",
        "same seed for all kernels",
        [("10 * seed + 1", "10 * seed"), ("10 * seed + 2", "10 * seed")],
        "cnn_init_test",
        "K1 and K2 are the same numbers",
    ),
    Wrong(
        "cnn",
        "seed not used",
        [("C = channels", "C, seed = channels, 0")],
        "cnn_init_test",
        "Another seed gives the same K0",
    ),
    Wrong(
        "cnn",
        "gamma starts at 0",
        [("torch.ones(C)", "torch.zeros(C)")],
        "cnn_init_test",
        "gamma0 at the start is wrong",
    ),
    Wrong(
        "cnn",
        "random W",
        [
            (
                "torch.zeros(10, C * (size // 4) ** 2)",
                "he_init((10, C * (size // 4) ** 2), 10 * seed + 3)",
            )
        ],
        "cnn_init_test",
        "W at the start is wrong",
    ),
    Wrong(
        "cnn",
        "pixels forgotten in the size of W",
        [("C * (size // 4) ** 2", "C * (size // 4)")],
        "cnn_init_test",
        r"W has shape \(10, 8\), expected \(10, 16\)",
    ),
    Wrong(
        "cnn",
        "W of shape (d, 10)",
        [
            (
                "torch.zeros(10, C * (size // 4) ** 2)",
                "torch.zeros(C * (size // 4) ** 2, 10)",
            ),
            ('P["W"].T', 'P["W"]'),
        ],
        "cnn_init_test",
        r"W has shape \(16, 10\), expected \(10, 16\)",
    ),
    Wrong(
        "cnn",
        "batch norms of the block without parameters",
        [("for k in range(3):", "for k in range(1):")],
        "cnn_init_test",
        "params must have the keys",
    ),
    Wrong(
        "cnn",
        "kernels not by he_init",
        [
            (
                "he_init((C, C, 3, 3), 10 * seed + 2)",
                "torch.randn(C, C, 3, 3, generator=torch.Generator()"
                ".manual_seed(10 * seed + 2))",
            )
        ],
        "cnn_init_test",
        "K2 has .*times the variance of he_init",
    ),
    Wrong(
        "cnn",
        "first ReLU forgotten",
        [("self.A = Z.clamp(min=0)", "self.A = Z")],
        "cnn_forward_test",
        "first ReLU is missing",
    ),
    Wrong(
        "cnn",
        "bias forgotten",
        [(' + P["b"]', "")],
        "cnn_forward_test",
        "bias b is not added",
    ),
    Wrong(
        "cnn",
        "flattened with the channels last",
        [
            (
                "features.flatten(1), training",
                "features.permute(0, 2, 3, 1).flatten(1), training",
            )
        ],
        "cnn_forward_test",
        "flattened in another order",
    ),
    Wrong(
        "cnn",
        "stride forgotten",
        [('len(P["K0"])), 2, 1)', 'len(P["K0"])), 1, 1)')],
        "cnn_forward_test",
        "shapes cannot be multiplied|size mismatch",
    ),
    Wrong(
        "cnn",
        "padding forgotten",
        [('len(P["K0"])), 2, 1)', 'len(P["K0"])), 2, 0)')],
        "cnn_forward_test",
        "shapes cannot be multiplied|size mismatch",
    ),
    Wrong(
        "cnn",
        "always in training",
        [("        P = self.params\n", "        P, training = self.params, True\n")],
        "cnn_forward_test",
        "hand training on to all layers",
    ),
    Wrong(
        "cnn",
        "dropout forgotten",
        [
            (
                "self.dropout.forward(features.flatten(1), training)",
                "features.flatten(1)",
            ),
            (
                'self.dropout.backward(dout @ self.params["W"])',
                'dout @ self.params["W"]',
            ),
        ],
        "cnn_forward_test",
        r"0% of the features are dropped",
    ),
    Wrong(
        "cnn",
        "dropout active in use",
        [("features.flatten(1), training)", "features.flatten(1), True)")],
        "cnn_forward_test",
        "forward in use, with p > 0, is wrong",
    ),
    Wrong(
        "cnn",
        "p not used",
        [("Dropout(p, seed)", "Dropout(0.5, seed)")],
        "cnn_forward_test",
        "forward in training, batch 1, is wrong",
    ),
    Wrong(
        "cnn",
        "copies of the parameters used",
        [
            (
                "        self.dropout = Dropout",
                "        self.kept = dict(self.params)\n        self.dropout = Dropout",
            ),
            ("P = self.params\n", "P = self.kept\n"),
        ],
        "cnn_forward_test",
        "is wrong|dtype|expected",
    ),
    Wrong(
        "cnn",
        "first ReLU skipped on the way back",
        [("dA * (self.A > 0)", "dA")],
        "cnn_backward_test",
        "way back skips the first ReLU",
    ),
    Wrong(
        "cnn",
        "dropout skipped on the way back",
        [('self.dropout.backward(dout @ self.params["W"])', 'dout @ self.params["W"]')],
        "cnn_backward_test",
        "way back skips dropout",
    ),
    Wrong(
        "cnn",
        "gradient of W by the features before dropout",
        [
            (
                "        self.H = self.dropout.forward(features.flatten(1), training)\n"
                "        return self.H @",
                "        self.H = features.flatten(1)\n"
                "        return self.dropout.forward(self.H, training) @",
            )
        ],
        "cnn_backward_test",
        r"W \(p = 0\.5\) is wrong",
    ),
    Wrong(
        "cnn",
        "block's gradients left out",
        [("return grads | of_block", "return grads")],
        "cnn_backward_test",
        "no entry for K1, K2, beta1, beta2, gamma1, gamma2",
    ),
    Wrong(
        "cnn",
        "divided by the batch size",
        [
            (
                '        grads = {"W"',
                '        dout = dout / len(dout)\n        grads = {"W"',
            )
        ],
        "cnn_backward_test",
        "divided by the batch size: the loss has done that already",
    ),
    Wrong(
        "cnn",
        "gradients pile up",
        [
            (
                "return grads | of_block",
                "grads |= of_block\n"
                "        for name, old in getattr(self, 'grads', {}).items():\n"
                "            grads[name] = grads[name] + old\n"
                "        self.grads = grads\n"
                "        return grads",
            )
        ],
        "cnn_backward_test",
        "added to those of the call before",
    ),
    Wrong(
        "cnn",
        "shared by all networks",
        [("        self.A = Z", "        CNN.A = Z")],
        "cnn_backward_test",
        "after a forward of another network",
    ),
    Wrong(
        "cnn",
        "parameters updated in backward",
        [
            (
                "return grads | of_block",
                "self.params['b'] = self.params['b'] - 0.1 * grads['b']\n"
                "        return grads | of_block",
            )
        ],
        "cnn_backward_test",
        "only train may change them",
    ),
]

STEP = "net.params[name] = net.params[name] - lr * grad"
TRAIN = [
    Wrong(
        "train",
        "mode for use",
        [("net.forward(X[rows], True)", "net.forward(X[rows], False)")],
        "train_steps_test",
        "learns in the mode for use",
    ),
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
        [(STEP, "value = net.params[name]; value = value - lr * grad")],
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
        "averaged over the batch twice",
        [("lr * grad", "lr * grad / len(rows)")],
        "train_steps_test",
        "N times too short",
    ),
    Wrong(
        "train",
        "sum over the batch",
        [("lr * grad", "lr * grad * len(rows)")],
        "train_steps_test",
        "N times too long",
    ),
    Wrong(
        "train",
        "only the kernels learn",
        [
            (
                "            for name, grad in net.backward(dlogits).items():\n",
                "            for name, grad in net.backward(dlogits).items():\n"
                "                if name[0] not in 'KWb':\n"
                "                    continue\n",
            )
        ],
        "train_steps_test",
        r"params after one step on all examples\['gamma0'\] is wrong",
    ),
    Wrong(
        "train",
        "labels left behind",
        [("cross_entropy(logits, y[rows])", "cross_entropy(logits, y[: len(rows)])")],
        "train_steps_test",
        "labels do not follow the images into the new order",
    ),
    Wrong(
        "train",
        "last batch dropped",
        [(".split(batch_size):", ".split(batch_size)[: len(X) // batch_size]:")],
        "train_steps_test",
        "last, smaller batch is left out",
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
                "            for name, grad in net.backward(dlogits).items():\n"
                "                " + STEP,
                "        for name, grad in net.backward(dlogits).items():\n            "
                + STEP,
            )
        ],
        "train_steps_test",
        "one step an epoch",
    ),
    Wrong(
        "train",
        "smaller last batch divided by batch_size",
        [("lr * grad", "lr * grad * len(rows) / batch_size")],
        "train_steps_test",
        "divided by batch_size",
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
        "data shuffled in place",
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
        "only the first hundred images",
        [("    losses = []\n", "    losses = []\n    X, y = X[:100], y[:100]\n")],
        "accuracy_test",
        r"of the held-out digits are right; 94% are needed",
    ),
]

WRONG = [
    *OUTPUT_SIZE,
    *FORWARD,
    *BACKWARD,
    *POOL,
    *BATCH_NORM,
    *DROPOUT,
    *HE,
    *BLOCK,
    *CNN,
    *TRAIN,
]

RIGHT = [
    Right(
        "output_size",
        "places counted",
        """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    last = size + 2 * padding - dilation * (kernel - 1)
    return len(range(0, last, stride))
""",
    ),
    Right(
        "output_size",
        "the formula of PyTorch's manual",
        """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)
""",
    ),
    Right(
        "output_size",
        "kernel moved in a loop",
        """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    count, end = 0, 1 + (kernel - 1) * dilation
    while end <= size + padding + padding:
        count += 1
        end += stride
    return count
""",
    ),
    Right(
        "conv2d_forward",
        "loop over kernel positions",
        """
def conv2d_forward(X, K, b, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    p = padding
    Xp = torch.zeros(N, C, H + 2 * p, W + 2 * p, dtype=X.dtype)
    Xp[:, :, p : H + p, p : W + p] = X
    H_out = output_size(H, K.shape[2], stride, padding, dilation)
    W_out = output_size(W, K.shape[3], stride, padding, dilation)
    Y = torch.zeros(N, K.shape[0], H_out, W_out, dtype=X.dtype)
    for i in range(K.shape[2]):
        for j in range(K.shape[3]):
            y, x = i * dilation, j * dilation
            patch = Xp[:, :, y : y + stride * (H_out - 1) + 1 : stride]
            patch = patch[..., x : x + stride * (W_out - 1) + 1 : stride]
            Y += torch.einsum("nchw,oc->nohw", patch, K[:, :, i, j])
    return Y + b.view(1, -1, 1, 1)
""",
    ),
    Right(
        "conv2d_forward",
        "as_strided, in float64 inside",
        """
def conv2d_forward(X, K, b, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    P = torch.zeros(N, C, H + 2 * padding, W + 2 * padding, dtype=torch.float64)
    P[:, :, padding : padding + H, padding : padding + W] = X
    kh, kw = K.shape[-2:]
    h = output_size(H, kh, stride, padding, dilation)
    w = output_size(W, kw, stride, padding, dilation)
    sn, sc, sh, sw = P.stride()
    windows = P.as_strided(
        (N, h, w, C, kh, kw),
        (sn, sh * stride, sw * stride, sc, sh * dilation, sw * dilation),
    )
    Y = torch.tensordot(windows, K.double(), dims=([3, 4, 5], [1, 2, 3])) + b
    return Y.permute(0, 3, 1, 2).to(X.dtype)
""",
    ),
    Right(
        "conv2d_forward",
        "loop over the places of the output",
        """
def conv2d_forward(X, K, b, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    kh, kw = K.shape[2], K.shape[3]
    side = X.new_zeros(N, C, H, padding)
    Xp = torch.cat([side, X, side], 3)
    top = X.new_zeros(N, C, padding, W + 2 * padding)
    Xp = torch.cat([top, Xp, top], 2)
    rows = []
    for y in range(0, Xp.shape[2] - dilation * (kh - 1), stride):
        row = []
        for x in range(0, Xp.shape[3] - dilation * (kw - 1), stride):
            window = Xp[:, :, y : y + dilation * kh : dilation]
            window = window[..., x : x + dilation * kw : dilation]
            row.append(window[:, :, :kh, :kw].flatten(1) @ K.flatten(1).T + b)
        rows.append(torch.stack(row, 2))
    return torch.stack(rows, 2)
""",
    ),
    Right(
        "conv2d_backward",
        "index_add into a flat image, kernel's gradient by im2col",
        """
def conv2d_backward(dout, X, K, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    T, _, kh, kw = K.shape
    h, w = dout.shape[2:]
    Hp, Wp = H + 2 * padding, W + 2 * padding
    i, j, y, x = torch.meshgrid(
        *(torch.arange(n) for n in (kh, kw, h, w)), indexing="ij"
    )
    place = (y * stride + i * dilation) * Wp + x * stride + j * dilation
    Xp = X.new_zeros(N, C, Hp, Wp)
    Xp[:, :, padding : padding + H, padding : padding + W] = X
    columns = Xp.flatten(2)[:, :, place.flatten()].reshape(N, C * kh * kw, h * w)
    d = dout.reshape(N, T, h * w)
    dK = (d @ columns.mT).sum(0).reshape(K.shape)
    dcolumns = (K.reshape(T, -1).T @ d).reshape(N, C, -1)
    dXp = X.new_zeros(N, C, Hp * Wp).index_add_(2, place.flatten(), dcolumns)
    dXp = dXp.reshape(N, C, Hp, Wp)
    return [dXp[..., padding : padding + H, padding : padding + W], dK,
            d.sum((0, 2))]
""",
    ),
    Right(
        "conv2d_backward",
        "the input's gradient as a convolution with the flipped kernel",
        """
def conv2d_backward(dout, X, K, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    T, _, kh, kw = K.shape
    h, w = dout.shape[2:]
    # dout with gaps for the stride, and room for the kernel to stick out
    tall, wide = dilation * (kh - 1), dilation * (kw - 1)
    room = dout.new_zeros(N, T, H + 2 * padding + tall, W + 2 * padding + wide)
    rows, cols = slice(tall, tall + stride * h, stride), slice(
        wide, wide + stride * w, stride
    )
    room[:, :, rows, cols] = dout
    flipped = K.flip(2, 3).transpose(0, 1)
    dX = conv2d_forward(room, flipped, K.new_zeros(C), 1, 0, dilation)
    dX = dX[:, :, padding : padding + H, padding : padding + W]
    Xp = X.new_zeros(N, C, H + 2 * padding, W + 2 * padding)
    Xp[:, :, padding : padding + H, padding : padding + W] = X
    dK = torch.empty_like(K)
    for i in range(kh):
        for j in range(kw):
            met = Xp[:, :, i * dilation :: stride, j * dilation :: stride]
            met = met[:, :, :h, :w].transpose(0, 1).flatten(1)
            dK[:, :, i, j] = dout.transpose(0, 1).flatten(1) @ met.T
    return dX, dK, dout.sum(3).sum(2).sum(0)
""",
    ),
    Right(
        "conv2d_backward",
        "loop over the places of the output",
        """
def conv2d_backward(dout, X, K, stride=1, padding=0, dilation=1):
    N, C, H, W = X.shape
    T, _, kh, kw = K.shape
    p = padding
    Xp = X.new_zeros(N, C, H + 2 * p, W + 2 * p)
    Xp[:, :, p : p + H, p : p + W] = X
    dXp, dK, db = torch.zeros_like(Xp), torch.zeros_like(K), K.new_zeros(T)
    for y in range(dout.shape[2]):
        rows = slice(y * stride, y * stride + dilation * (kh - 1) + 1, dilation)
        for x in range(dout.shape[3]):
            cols = slice(x * stride, x * stride + dilation * (kw - 1) + 1, dilation)
            d = dout[:, :, y, x]
            dXp[:, :, rows, cols] += (d @ K.reshape(T, -1)).reshape(N, C, kh, kw)
            dK += (d.T @ Xp[:, :, rows, cols].reshape(N, -1)).reshape(K.shape)
            db += d.sum(0)
    return dXp[:, :, p : p + H, p : p + W].clone(), dK, db
""",
    ),
    Right(
        "max_pool",
        "running maximum over positions",
        """
def max_pool_forward(X, kernel, stride):
    h = output_size(X.shape[2], kernel, stride)
    w = output_size(X.shape[3], kernel, stride)
    Y = torch.full((*X.shape[:2], h, w), -math.inf, dtype=X.dtype)
    for i in range(kernel):
        for j in range(kernel):
            Y = torch.maximum(Y, X[:, :, i::stride, j::stride][:, :, :h, :w])
    return Y


def max_pool_backward(dout, X, kernel, stride):
    Y = max_pool_forward(X, kernel, stride)
    h, w = Y.shape[2:]
    dX, open_ = torch.zeros_like(X), torch.ones_like(Y, dtype=torch.bool)
    for i in range(kernel):
        for j in range(kernel):
            won = (X[:, :, i::stride, j::stride][:, :, :h, :w] == Y) & open_
            dX[:, :, i::stride, j::stride][:, :, :h, :w] += dout * won
            open_ &= ~won
    return dX
""",
    ),
    Right(
        "max_pool",
        "scatter_add of flat indices",
        """
def max_pool_forward(X, kernel, stride):
    return X.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(4).max(4)[0]


def max_pool_backward(dout, X, kernel, stride):
    N, C, H, W = X.shape
    h, w = dout.shape[2:]
    windows = X.unfold(2, kernel, stride).unfold(3, kernel, stride)
    best = windows.reshape(N, C, h, w, kernel * kernel).argmax(-1)
    row = torch.arange(h)[:, None] * stride + best // kernel
    column = torch.arange(w) * stride + best % kernel
    place = (row * W + column).flatten(2)
    dX = X.new_zeros(N, C, H * W).scatter_add(2, place, dout.flatten(2))
    return dX.view(N, C, H, W)
""",
    ),
    Right(
        "max_pool",
        "window by window",
        """
def max_pool_forward(X, kernel, stride):
    N, C, H, W = X.shape
    h, w = (H - kernel) // stride + 1, (W - kernel) // stride + 1
    Y = X.new_empty(N, C, h, w)
    for y in range(h):
        for x in range(w):
            top, left = y * stride, x * stride
            window = X[:, :, top : top + kernel, left : left + kernel]
            Y[:, :, y, x] = window.amax(dim=(2, 3))
    return Y


def max_pool_backward(dout, X, kernel, stride):
    dX = X * 0
    for y in range(dout.shape[2]):
        for x in range(dout.shape[3]):
            top, left = y * stride, x * stride
            window = X[:, :, top : top + kernel, left : left + kernel].flatten(2)
            first = torch.zeros_like(window)
            first.scatter_(2, window.argmax(2, keepdim=True), 1.0)
            share = first.unflatten(2, (kernel, kernel)) * dout[:, :, y, x, None, None]
            dX[:, :, top : top + kernel, left : left + kernel] += share
    return dX
""",
    ),
    Right(
        "batch_norm",
        "step by step, running statistics changed in place",
        """
class BatchNorm2d:
    def __init__(self, channels, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.running_mean = torch.zeros(channels)
        self.running_var = torch.ones(channels)

    def forward(self, X, gamma, beta, training):
        shape = (1, -1, 1, 1)
        self.training, self.gamma = training, gamma.view(shape)
        if training:
            self.n = X.shape[0] * X.shape[2] * X.shape[3]
            mean = X.sum((0, 2, 3), keepdim=True) / self.n
            self.centred = X - mean
            var = (self.centred**2).sum((0, 2, 3), keepdim=True) / self.n
            unbiased = var.flatten() * self.n / (self.n - 1)
            a = self.momentum
            self.running_mean.mul_(1 - a).add_(a * mean.flatten())
            self.running_var.mul_(1 - a).add_(a * unbiased)
        else:
            self.centred = X - self.running_mean.view(shape)
            var = self.running_var.view(shape)
        self.std = (var + self.eps) ** 0.5
        self.x_hat = self.centred / self.std
        return self.x_hat * self.gamma + beta.view(shape)

    def backward(self, dout):
        dims = (0, 2, 3)
        dbeta = dout.sum(dims)
        dgamma = (dout * self.x_hat).sum(dims)
        dx_hat = dout * self.gamma
        if not self.training:
            return dx_hat / self.std, dgamma, dbeta
        dvar = (dx_hat * self.centred).sum(dims, keepdim=True) * -0.5 / self.std**3
        dmean = -(dx_hat / self.std).sum(dims, keepdim=True)
        dX = dx_hat / self.std + 2 * dvar * self.centred / self.n + dmean / self.n
        return dX, dgamma, dbeta
""",
    ),
    Right(
        "batch_norm",
        "channels as rows of a matrix, var_mean and lerp",
        """
class BatchNorm2d:
    def __init__(self, channels, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = torch.zeros(channels), torch.ones(channels)

    def forward(self, X, gamma, beta, training):
        rows = X.transpose(0, 1).flatten(1)
        if training:
            unbiased, mean = torch.var_mean(rows, 1)
            var = rows.var(1, unbiased=False)
            self.running_mean = torch.lerp(self.running_mean.to(X), mean, self.momentum)
            self.running_var = torch.lerp(
                self.running_var.to(X), unbiased, self.momentum
            )
        else:
            mean, var = self.running_mean.to(X), self.running_var.to(X)
        inv = torch.rsqrt(var + self.eps)
        x_hat = (rows - mean[:, None]) * inv[:, None]
        self.cache = x_hat, inv, gamma, training, X.transpose(0, 1).shape
        Y = gamma[:, None] * x_hat + beta[:, None]
        return Y.view(self.cache[-1]).transpose(0, 1)

    def backward(self, dout):
        x_hat, inv, gamma, training, shape = self.cache
        d = dout.transpose(0, 1).flatten(1)
        dgamma, dbeta = torch.linalg.vecdot(d, x_hat), d.sum(1)
        dX = d.clone()
        if training:
            n = d.shape[1]
            dX -= (dbeta[:, None] + x_hat * dgamma[:, None]) / n
        dX = dX * (gamma * inv)[:, None]
        return [dX.view(shape).transpose(0, 1), dgamma, dbeta]
""",
    ),
    Right(
        "batch_norm",
        "float64 inside",
        """
class BatchNorm2d:
    def __init__(self, channels, eps=1e-5, momentum=0.1):
        self.eps, self.momentum = eps, momentum
        self.running_mean = torch.zeros(channels)
        self.running_var = torch.ones(channels)

    def forward(self, X, gamma, beta, training):
        self.dtype, x = X.dtype, X.double()
        self.gamma = gamma.double().reshape(1, -1, 1, 1)
        self.in_training = training
        mean, var = self.running_mean.double(), self.running_var.double()
        if training:
            mean = x.mean(dim=[0, 2, 3])
            var = (x - mean[None, :, None, None]).square().mean(dim=[0, 2, 3])
            count = X[:, 0].numel()
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (
                var * (count / (count - 1)) - self.running_var
            )
        self.std = (var + self.eps).sqrt().reshape(1, -1, 1, 1)
        self.norm = (x - mean.reshape(1, -1, 1, 1)) / self.std
        return (self.gamma * self.norm + beta.reshape(1, -1, 1, 1)).to(X.dtype)

    def backward(self, dout):
        d = dout.double()
        dgamma, dbeta = (d * self.norm).sum((0, 2, 3)), d.sum((0, 2, 3))
        g = d * self.gamma
        if self.in_training:
            g = g - g.mean((0, 2, 3), True)
            g = g - self.norm * (g * self.norm).mean((0, 2, 3), True)
        return tuple(t.to(self.dtype) for t in (g / self.std, dgamma, dbeta))
""",
    ),
    Right(
        "dropout",
        "bernoulli, mask kept as booleans",
        """
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
    ),
    Right(
        "dropout",
        "dropped entries set to 0 in a clone",
        """
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
    ),
    Right(
        "he_init",
        "normal_ on an empty tensor",
        """
def he_init(shape, seed):
    W = torch.empty(shape)
    std = (2 / W[0].numel()) ** 0.5
    return W.normal_(0, std, generator=torch.Generator().manual_seed(seed))
""",
    ),
    Right(
        "he_init",
        "torch.normal, product in a loop",
        """
def he_init(shape, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    fan_in = 1
    for n in shape[1:]:
        fan_in *= n
    return torch.normal(0.0, math.sqrt(2.0 / fan_in), tuple(shape), generator=generator)
""",
    ),
    Right(
        "residual_block",
        "masks kept, a cache for the way back",
        """
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
    ),
    Right(
        "residual_block",
        "a loop over the two halves",
        """
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
    ),
    Right(
        "cnn",
        "pre-activations kept, names in another order",
        """
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
    ),
    Right(
        "cnn",
        "pooling before the ReLU, which changes nothing",
        """
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
            loss, dlogits = cross_entropy(net.forward(xb, True), yb)
            losses.append(float(loss))
            grads = net.backward(dlogits)
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
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=g).tolist()
        while order:
            rows, order = order[:batch_size], order[batch_size:]
            _, dlogits = cross_entropy(net.forward(X[rows], True), y[rows])
            grads = net.backward(dlogits)
            net.params = {k: v - lr * grads[k] for k, v in net.params.items()}
""",
    ),
]
