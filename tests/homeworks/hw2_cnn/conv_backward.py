"""Homework 2, the way back through a convolution."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "conv2d_backward",
    "conv2d_backward_test",
    {
        "shares of overlapping windows overwritten": (
            {"columns] += share": "columns] = share"},
            r"dX \(windows that overlap: their shares add up\) is wrong",
        ),
        "padding not cut off": (
            {"return dpadded[inside]": "return dpadded"},
            "padding is to be cut off",
        ),
        "padding cut off on one side only": (
            {"return dpadded[inside]": "return dpadded[:, :, :H, :W]"},
            r"dX \(padding 1\) is wrong",
        ),
        "stride ignored": (
            {"    N, C, H, W = X": "    stride = 1\n    N, C, H, W = X"},
            r"dX \(windows side by side\) is wrong",
        ),
        "dilation ignored": (
            {"i * dilation, j * dilation": "i, j"},
            r"dX \(dilation 2\) is wrong",
        ),
        "padding ignored": (
            {"    N, C, H, W = X": "    padding = 0\n    N, C, H, W = X"},
            "operand|subscript|shape",
        ),
        "kernel flipped on the way to the input": (
            {"K[:, :, i, j])": "K.flip(2, 3)[:, :, i, j])"},
            "flipped once too often",
        ),
        "kernel's gradient flipped": (
            {"dpadded[inside], dK,": "dpadded[inside], dK.flip(2, 3),"},
            r"It is flipped: dK\[o, c, 0, 0\]",
        ),
        "bias gradient summed over the batch only": (
            {"dout.sum((0, 2, 3))": "dout.sum(0)"},
            "db .* not summed over the image",
        ),
        "bias gradient not summed over the batch": (
            {"dout.sum((0, 2, 3))": "dout.sum((2, 3))"},
            r"db .*has shape .*first \(batch\) dimension may be missing",
        ),
        "bias gradient averaged": (
            {"dout.sum((0, 2, 3))": "dout.mean((0, 2, 3))"},
            "db .*1/12 of what it should be",
        ),
        "bias gradient with keepdim": (
            {"dout.sum((0, 2, 3))": "dout.sum((0, 2, 3), keepdim=True)"},
            "db .*dimensions of 1",
        ),
        "kernel's gradient averaged over the batch": (
            {"dpadded[inside], dK,": "dpadded[inside], dK / N,"},
            "dK .*1/2 of what it should be",
        ),
        "kernel's gradient from the sum of the channels": (
            {'"noyx,ncyx->oc", dout, met)': '"noyx,ncyx->o", dout, met)[:, None]'},
            "meets its own channel of X, not their sum",
        ),
        "kernel's gradient of the last image only": (
            {
                'torch.einsum("noyx,ncyx->oc", dout, met)': (
                    'torch.einsum("oyx,cyx->oc", dout[-1], met[-1])'
                )
            },
            r"dK \(windows side by side\) is wrong",
        ),
        "gradients in another order": (
            {
                "return dpadded[inside], dK, dout.sum((0, 2, 3))": (
                    "return dK, dout.sum((0, 2, 3)), dpadded[inside]"
                )
            },
            r"dX .*has shape \(4, 3, 3, 3\), expected \(2, 3, 6, 9\)",
        ),
        "gradients of the parameters only": (
            {"return dpadded[inside], dK": "return dK"},
            r"must return the tuple \(dX, dK, db\)",
        ),
        "size of the input worked out from the output": (
            {
                "    padded = X": (
                    "    H = (H_out - 1) * stride + dilation * (K.shape[2] - 1)"
                    " + 1 - 2 * padding\n    X = X[:, :, :H]\n"
                    "    inside = (..., slice(padding, padding + H), slice(padding, padding + W))"
                    "\n    padded = X"
                )
            },
            "dX .*has shape",
        ),
    },
)

WRONG += mistakes(
    "conv2d_backward",
    "conv2d_more_test",
    {
        "float32 whatever the input": (
            {"return dpadded[inside]": "return dpadded[inside].float()"},
            "dX is torch.float32 for torch.float64 input",
        ),
        "dout changed in place": (
            {
                "    N, C, H, W = X": (
                    "    dout *= 1 + 1e-9 * len(dout)\n    N, C, H, W = X"
                )
            },
            "conv2d_backward changed its argument 1 in place",
        ),
    },
)

RIGHT = styles(
    "conv2d_backward",
    {
        "index_add into a flat image, kernel's gradient by im2col": """
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
        "the input's gradient as a convolution with the flipped kernel": """
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
        "loop over the places of the output": """
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
    },
)
