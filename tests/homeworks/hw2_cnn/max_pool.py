"""Homework 2, max pooling."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "max_pool",
    "max_pool_forward_test",
    {
        "mean": (
            {"windows.amax((4, 5))": "windows.mean((4, 5))"},
            "mean of each window",
        ),
        "minimum": ({"amax": "amin"}, "smallest entry"),
        "maximum that starts from 0": (
            {"amax((4, 5))": "amax((4, 5)).clamp(min=0)"},
            "never falls below 0",
        ),
        "maximum over the channels too": (
            {"amax((4, 5))": "amax((1, 4, 5)).unsqueeze(1)"},
            "over the channels too",
        ),
        "stride ignored, windows side by side": (
            {
                "return windows.amax": (
                    "stride = kernel\n    windows = "
                    "X.unfold(2, kernel, stride).unfold(3, kernel, stride)\n"
                    "    return windows.amax"
                )
            },
            "move by the kernel's size",
        ),
        "stride of 1": (
            {
                "return windows.amax": (
                    "windows = X.unfold(2, kernel, 1).unfold(3, kernel, 1)"
                    "\n    return windows.amax"
                )
            },
            "windows move by 1",
        ),
        "windows that stick out kept": (
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
            "stick out are to be left out",
        ),
    },
)

WRONG += mistakes(
    "max_pool",
    "max_pool_backward_test",
    {
        "gradient to every entry of the window": (
            {"dout * (winner == i * kernel + j)": "dout"},
            "Every entry of a window gets the gradient",
        ),
        "gradient spread evenly": (
            {"dout * (winner == i * kernel + j)": "dout / kernel**2"},
            "spread evenly, as for the mean",
        ),
        "gradient to all equal entries": (
            {
                "dout * (winner == i * kernel + j)": (
                    "dout * (windows[..., i, j] == windows.amax((4, 5)))"
                )
            },
            r"\(equal entries\) is wrong\. All of several equal entries get it",
        ),
        "gradient shared among equal entries": (
            {
                "    H_out": (
                    "    best = windows == windows.amax((4, 5), keepdim=True)\n"
                    "    H_out"
                ),
                "(winner == i * kernel + j)": "best[..., i, j] / best.sum((4, 5))",
            },
            "shared among equal entries",
        ),
        "gradient to the last of equal entries": (
            {
                "windows.flatten(4).argmax(4)": (
                    "kernel**2 - 1 - windows.flatten(4).flip(4).argmax(4)"
                )
            },
            "last one gets it: it must be the first",
        ),
        "first of equal entries column by column": (
            {
                "windows.flatten(4)": "windows.mT.flatten(4)",
                "== i * kernel + j": "== j * kernel + i",
            },
            r"max_pool_backward \(equal entries\) is wrong in",
        ),
        "several wins overwritten": (
            {"columns] += dout *": "columns] = dout *"},
            r"an entry may win in several windows\) is wrong",
        ),
        "upstream gradient forgotten": (
            {"dout * (winner": "1.0 * (winner"},
            "does not use dout",
        ),
        "stride ignored on the way back": (
            {"slice(i, i + stride * H_out, stride)": "slice(i, i + 2 * H_out, 2)"},
            "size of tensor|is wrong",
        ),
        "size of dX worked out from dout": (
            {
                "torch.zeros_like(X)": (
                    "X.new_zeros(*dout.shape[:2], "
                    "kernel + stride * (H_out - 1), kernel + stride * (W_out - 1))"
                )
            },
            r"odd size\) has shape \(2, 3, 4, 6\), expected \(2, 3, 5, 7\)",
        ),
    },
)

WRONG += mistakes(
    "max_pool",
    "max_pool_more_test",
    {
        "view of what is not contiguous": (
            {"    winner": "    X.view(-1)\n    winner"},
            "view size is not compatible",
        ),
        "dout changed in place": (
            {"    winner": "    dout *= 1 + 1e-8\n    winner"},
            "max_pool_backward changed its argument 1 in place",
        ),
        "float64 whatever the input": (
            {"torch.zeros_like(X)": "torch.zeros(X.shape, dtype=torch.float64)"},
            "max_pool_backward returns torch.float64 for torch.float32",
        ),
    },
)

RIGHT = styles(
    "max_pool",
    {
        "running maximum over positions": """
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
        "scatter_add of flat indices": """
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
        "window by window": """
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
    },
)
