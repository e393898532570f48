"""Homework 2, convolution."""

from tests.support.solutions import mistakes, styles

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
PADDED = "padded[:, :, padding : padding + H, padding : padding + W] = X"
PRODUCT = 'torch.einsum("ncyxij,ocij->noyx", windows, K)'

WRONG = mistakes(
    "conv2d_forward",
    "conv2d_forward_test",
    {
        "bias forgotten": ({" + b[:, None, None]": ""}, "bias is not added"),
        "bias along the width": (
            {"b[:, None, None]": "b"},
            "spread along the width: it belongs to the channel",
        ),
        "bias once for each input channel": (
            {"b[:, None, None]": "C * b[:, None, None]"},
            "once for each input channel",
        ),
        "kernel flipped": (
            {"windows, K)": "windows, K.flip(2, 3))"},
            r"kernel is flipped: K\[o, c, 0, 0\]",
        ),
        "kernel transposed": (
            {"ocij->": "ocji->"},
            "Rows and columns of the kernel are swapped",
        ),
        "channels of the kernel swapped": ({"ocij->": "coij->"}, "operand"),
        "stride ignored": (
            {"    kh, kw = K": "    stride = 1\n    kh, kw = K"},
            r"\(stride 2\) is wrong\. The stride \(2\) is ignored",
        ),
        "padding ignored": (
            {"    kh, kw = K": "    padding = 0\n    kh, kw = K"},
            r"padding \(1\) is ignored",
        ),
        "dilation ignored": (
            {"    kh, kw = K": "    dilation = 1\n    kh, kw = K"},
            r"dilation \(2\) is ignored",
        ),
        "padding at the end only": (
            {PADDED: "padded[:, :, :H, :W] = X"},
            r"conv2d_forward \(padding 1\) is wrong in",
        ),
        "width and height swapped in the output": (
            {"->noyx": "->noxy"},
            r"has shape \(2, 4, 4, 3\), expected \(2, 4, 3, 4\)",
        ),
        "one place too few": (
            {"return torch": "windows = windows[:, :, :-1, :-1]\n    return torch"},
            r"has shape \(2, 4, 2, 3\), expected \(2, 4, 3, 4\)",
        ),
        "stride not multiplied into the dilated place": (
            {
                "windows[..., ::dilation, ::dilation]": (
                    "windows[..., :: dilation * stride, :: dilation * stride]"
                )
            },
            r"operand|subscript",
        ),
        "kernel positions not spread by the dilation": (
            LOOP % ("i, j", "+=", "Y + b[:, None, None]"),
            "dilation 2.* is wrong. Entry .i, j. of the kernel meets the pixel i·d further down",
        ),
        "each kernel position overwrites the one before": (
            LOOP % ("i * dilation, j * dilation", "=", "Y + b[:, None, None]"),
            "Only the last kernel position is left: Y is their sum",
        ),
        "bias overwritten too": (
            LOOP % ("i * dilation, j * dilation", "=", "Y"),
            "Only the last kernel position is left, without bias",
        ),
        "input channels not summed": ({"->noyx": "->ncyx"}, "size of tensor|has shape"),
        "kernel taken to be square": (
            {"kh, kw = K.shape[2:]": "kh = kw = K.shape[2]"},
            "operand|subscript",
        ),
    },
)

WRONG += mistakes(
    "conv2d_forward",
    "conv2d_more_test",
    {
        "stack of squeezed images, which drops a batch of one": (
            {"return " + PRODUCT: "return " + PRODUCT + ".squeeze(0)"},
            "a batch of one.*dimensions of 1",
        ),
        "float32 whatever the input": (
            {
                "return torch": (
                    "windows, K, b = windows.float(), K.float(), b.float()\n"
                    "    return torch"
                )
            },
            "conv2d_forward is torch.float32 for torch.float64 input",
        ),
        "view of what is not contiguous": (
            {"return torch": "K = K.view(len(K), -1).view(K.shape)\n    return torch"},
            "view size is not compatible",
        ),
        "bias given two more dimensions in place": (
            {"b[:, None, None]": "b.unsqueeze_(-1).unsqueeze_(-1)"},
            "conv2d_forward changed its argument 3 in place",
        ),
    },
)

RIGHT = styles(
    "conv2d_forward",
    {
        "loop over kernel positions": """
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
        "as_strided, in float64 inside": """
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
        "loop over the places of the output": """
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
    },
)
