"""Homework 0: what students get wrong, and what they get right in other ways."""

from tests.support.solutions import Right, Wrong

SLOW = set()

TILES = "tiles.permute(0, 2, 4, 1, 3, 5)"

PATCHES = [
    Wrong(
        "patches",
        "a reshape alone",
        [
            (
                f"{TILES}.reshape(N, -1, C * size * size)",
                "X.reshape(N, -1, C * size * size)",
            )
        ],
        "patches_test",
        "A reshape alone takes the pixels as they lie in memory",
    ),
    Wrong(
        "patches",
        "from top to bottom first",
        [(TILES, "tiles.permute(0, 4, 2, 1, 3, 5)")],
        "patches_test",
        "they must go from left to right first",
    ),
    Wrong(
        "patches",
        "channels last in a patch",
        [(TILES, "tiles.permute(0, 2, 4, 3, 5, 1)")],
        "patches_test",
        "the channels of each pixel lie together",
    ),
    Wrong(
        "patches",
        "rows and columns of a patch exchanged",
        [(TILES, "tiles.permute(0, 2, 4, 1, 5, 3)")],
        "patches_test",
        "Each patch is transposed",
    ),
    Wrong(
        "patches",
        "channels kept as an axis",
        [("reshape(N, -1, C * size * size)", "reshape(N, -1, C, size * size)")],
        "patches_test",
        "patches.* has shape",
    ),
    Wrong(
        "patches",
        "patches of all images in one list",
        [("reshape(N, -1, C * size * size)", "reshape(-1, C * size * size)")],
        "patches_test",
        r"has shape \(12, 12\), expected \(2, 6, 12\)",
    ),
    Wrong(
        "patches",
        "split axes the wrong way round",
        [("W // size, size)", "size, W // size)")],
        "patches_test",
        "has shape|is wrong in",
    ),
    Wrong(
        "patches",
        "view of what is not contiguous",
        [("permute(0, 2, 4, 1, 3, 5).reshape", "permute(0, 2, 4, 1, 3, 5).view")],
        "patches_test",
        "Use .reshape",
    ),
    Wrong(
        "patches",
        "result always float32",
        [("return tiles", "return tiles.float()")],
        "patches_more_test",
        "keep the input's dtype",
    ),
    Wrong(
        "patches",
        "squeezes the batch away",
        [("C * size * size)", "C * size * size).squeeze(0)")],
        "patches_more_test",
        "The sizes agree but for dimensions of 1",
    ),
]

STANDARDISE = [
    Wrong(
        "standardise",
        "std with its default",
        [("(centred**2).mean(0).sqrt()", "X.std(0)")],
        "standardise_test",
        "divided by N − 1",
    ),
    Wrong(
        "standardise",
        "the rows",
        """
def standardise(X):
    centred = X - X.mean(1, keepdim=True)
    return centred / X.std(1, keepdim=True, correction=0)
""",
        "standardise_test",
        "It works on the rows",
    ),
    Wrong(
        "standardise",
        "keepdim forgotten for the rows",
        """
def standardise(X):
    return (X - X.mean(1)) / X.std(1, correction=0)
""",
        "standardise_test",
        "must match the size",
    ),
    Wrong(
        "standardise",
        "one mean for the whole table",
        """
def standardise(X):
    return (X - X.mean()) / X.std(correction=0)
""",
        "standardise_test",
        "one mean and one deviation for the whole table",
    ),
    Wrong(
        "standardise",
        "mean not subtracted",
        [("return centred", "return X")],
        "standardise_test",
        "The mean is not subtracted",
    ),
    Wrong(
        "standardise",
        "deviation forgotten",
        [("return centred / torch.where(sigma == 0, 1, sigma)", "return centred")],
        "standardise_test",
        "not divided by the standard deviation",
    ),
    Wrong(
        "standardise",
        "variance instead of its root",
        [(".sqrt()", "")],
        "standardise_test",
        "divided by the variance",
    ),
    Wrong(
        "standardise",
        "columns of equal numbers are NaN",
        [("torch.where(sigma == 0, 1, sigma)", "sigma")],
        "standardise_test",
        "columns of equal numbers is wrong.* NaN",
    ),
    Wrong(
        "standardise",
        "a large number added for safety",
        [("torch.where(sigma == 0, 1, sigma)", "(sigma + 1e-3)")],
        "standardise_test",
        "is wrong",
    ),
    Wrong(
        "standardise",
        "in place",
        [("centred = X - X.mean(0)", "centred = X.sub_(X.mean(0))")],
        "standardise_test",
        "changed its argument 1 in place",
    ),
    Wrong(
        "standardise",
        "result always float64",
        [("return centred", "return centred.double()")],
        "standardise_test",
        "keep the input's torch.float32",
    ),
]

DISTANCES = [
    Wrong(
        "distances",
        "squares",
        [(".abs()", ".pow(2)")],
        "distances_test",
        "The differences are squared",
    ),
    Wrong(
        "distances",
        "Euclidean",
        [(".abs().sum(2)", ".pow(2).sum(2).sqrt()")],
        "distances_test",
        "Euclidean distance",
    ),
    Wrong(
        "distances",
        "mean",
        [("sum(2)", "mean(2)")],
        "distances_test",
        "mean over the columns",
    ),
    Wrong(
        "distances",
        "no absolute values",
        [(".abs()", "")],
        "distances_test",
        "differences cancel",
    ),
    Wrong(
        "distances",
        "absolute value of the sum",
        [(".abs().sum(2)", ".sum(2).abs()")],
        "distances_test",
        "absolute values first",
    ),
    Wrong(
        "distances",
        "transposed",
        [("X[:, None] - Z[None]", "Z[:, None] - X[None]")],
        "distances_test",
        "wrong way round|looks transposed",
    ),
    Wrong(
        "distances",
        "row against row only",
        [("(X[:, None] - Z[None]).abs().sum(2)", "(X - Z).abs().sum(1)")],
        "distances_test",
        "must match the size",
    ),
    Wrong(
        "distances",
        "summed over the rows of Z",
        [("sum(2)", "sum(1)")],
        "distances_test",
        "has shape",
    ),
    Wrong(
        "distances",
        "largest difference",
        [("sum(2)", "amax(2)")],
        "distances_test",
        "the largest difference",
    ),
    Wrong(
        "distances",
        "result always float64",
        [("(X[:, None]", "(X.double()[:, None]")],
        "distances_test",
        "keep torch.float32",
    ),
]

MIX = [
    Wrong("mix", "W forgotten", [(" @ W.T", "")], "mix_test", "W is not applied"),
    Wrong(
        "mix", "W not transposed", [("W.T", "W")], "mix_test", "W is transposed|shapes"
    ),
    Wrong("mix", "A transposed", [("A @", "A.mT @")], "mix_test", "A is transposed"),
    Wrong(
        "mix",
        "weights of the first example for all",
        [("A @", "A[0] @")],
        "mix_test",
        "Every example gets the weights of the first",
    ),
    Wrong(
        "mix",
        "mean over s",
        [("return A", "return A / A.shape[2]")],
        "mix_test",
        "It is the mean over s",
    ),
    Wrong(
        "mix",
        "examples summed up",
        [("A @ V @ W.T", 'torch.einsum("bts,bsd,od->to", A, V, W)')],
        "mix_test",
        "The examples are summed up",
    ),
    Wrong(
        "mix",
        "W before V",
        [("A @ V @ W.T", "A @ W.T @ V")],
        "mix_test",
        "Expected size|shapes|must match",
    ),
    Wrong(
        "mix",
        "result always float64",
        [("A @ V @ W.T", "A.double() @ V.double() @ W.T.double()")],
        "mix_test",
        "keep torch.float32",
    ),
    Wrong(
        "mix",
        "a loop over the examples",
        [
            (
                "return A @ V @ W.T",
                "return torch.stack([a @ v @ W.T for a, v in zip(A, V)])",
            )
        ],
        "mix_calls_test",
        r"calls PyTorch \d+ times; 30 are allowed",
    ),
    Wrong(
        "mix",
        "a loop over the outputs",
        [
            (
                "return A @ V @ W.T",
                "return torch.stack([A[:, t, None] @ V @ W.T for t in range(A.shape[1])]"
                ", 1).squeeze(2)",
            )
        ],
        "mix_calls_test",
        "For B = 2, T = 100, S = 2, mix calls",
    ),
    Wrong(
        "mix",
        "a loop over the sum",
        [
            (
                "return A @ V @ W.T",
                "total = 0\n    for s in range(V.shape[1]):\n"
                "        total = total + A[:, :, s, None] * V[:, None, s]\n"
                "    return total @ W.T",
            )
        ],
        "mix_calls_test",
        "For B = 2, T = 2, S = 100, mix calls",
    ),
    Wrong(
        "mix",
        "calls slow_mix",
        [("return A @ V @ W.T", "return slow_mix(A, V, W)")],
        "mix_calls_test",
        r"mix calls PyTorch [\d,]+ times",
    ),
]

LEAF = "leaf = x.clone().requires_grad_()"

GRADIENT = [
    Wrong(
        "gradient",
        "on x itself, not cleared",
        [(LEAF, "leaf = x.requires_grad_()")],
        "gradient_test",
        "The second gradient is added to the first",
    ),
    Wrong(
        "gradient",
        "on x itself, cleared",
        [(LEAF, "leaf = x.requires_grad_()\n    leaf.grad = None")],
        "gradient_test",
        "x requires a gradient",
    ),
    Wrong(
        "gradient",
        "gradient of what is no leaf",
        [(LEAF, "leaf = x.clone().requires_grad_().clone()")],
        "gradient_test",
        "You returned None",
    ),
    Wrong(
        "gradient",
        "requires_grad forgotten",
        [(LEAF, "leaf = x.clone()")],
        "gradient_test",
        "does not require grad",
    ),
    Wrong(
        "gradient",
        "the value",
        [("return leaf.grad", "return f(leaf)")],
        "gradient_test",
        "It is the value|has shape",
    ),
    Wrong(
        "gradient",
        "the copy itself",
        [("return leaf.grad", "return leaf")],
        "gradient_test",
        "It is x itself",
    ),
    Wrong(
        "gradient",
        "what backward returns",
        [("f(leaf).backward()\n    return leaf.grad", "return f(leaf).backward()")],
        "gradient_test",
        "You returned None",
    ),
    Wrong(
        "gradient",
        "summed up",
        [("return leaf.grad", "return leaf.grad.sum()")],
        "gradient_test",
        "summed",
    ),
    Wrong(
        "gradient",
        "the direction downhill",
        [("return leaf.grad", "return -leaf.grad")],
        "gradient_test",
        "wrong sign",
    ),
    Wrong(
        "gradient",
        "graph cut by detach",
        [("f(leaf).backward()", "f(leaf.detach()).backward()")],
        "gradient_test",
        "does not require grad",
    ),
    Wrong(
        "gradient",
        "always float64",
        [(LEAF, "leaf = x.double().clone().requires_grad_()")],
        "gradient_test",
        "keep torch.float32",
    ),
]

FOUND = "found.append(leaf.grad)"
CLEAR = "        leaf.grad = None\n"

GRADIENTS = [
    Wrong(
        "gradients",
        "never cleared, the same tensor",
        [(CLEAR, "")],
        "gradients_test",
        "All of them are the sum",
    ),
    Wrong(
        "gradients",
        "never cleared, clones",
        [(CLEAR, ""), (FOUND, "found.append(leaf.grad.clone())")],
        "gradients_test",
        "They pile up",
    ),
    Wrong(
        "gradients",
        "cleared in place before each",
        [
            (
                CLEAR,
                "        if leaf.grad is not None:\n            leaf.grad.zero_()\n",
            )
        ],
        "gradients_test",
        "All of them are the last one",
    ),
    Wrong(
        "gradients",
        "cleared in place after each",
        [(CLEAR, ""), (FOUND, f"{FOUND}\n        leaf.grad.zero_()")],
        "gradients_test",
        "All of them are 0",
    ),
    Wrong(
        "gradients",
        "one backward of the sum",
        [
            ("    for loss in losses:\n", ""),
            (CLEAR, ""),
            (
                "        loss(leaf).backward()\n        " + FOUND,
                "    sum(loss(leaf) for loss in losses).backward()\n    " + FOUND,
            ),
        ],
        "gradients_test",
        "has 1 values, expected 3",
    ),
    Wrong(
        "gradients",
        "returns in the loop",
        [("    return found", "        return found")],
        "gradients_test",
        "has 1 values, expected 3",
    ),
    Wrong(
        "gradients",
        "only the last",
        [("return found", "return found[-1]")],
        "gradients_test",
        "must be a list of 3 tensors",
    ),
    Wrong(
        "gradients",
        "the values",
        [(FOUND, "found.append(loss(leaf).detach())")],
        "gradients_test",
        r"gradients\(.*\)\[0\] has shape \(\), expected \(4,\)",
    ),
    Wrong(
        "gradients",
        "in the wrong order",
        [(FOUND, "found.insert(0, leaf.grad)")],
        "gradients_test",
        "in the wrong order",
    ),
    Wrong(
        "gradients",
        "x changed in place",
        [("return found", "x -= 0.1 * found[0]\n    return found")],
        "gradients_test",
        "changed its argument 2 in place",
    ),
]

SQUARED = "((X @ w + b - y) ** 2).mean()"
NEW_W = "X.new_zeros(X.shape[1], requires_grad=True)"

FIT = [
    Wrong(
        "fit",
        "gradients not cleared",
        [("        w.grad = b.grad = None\n", "")],
        "fit_test",
        "gradients of earlier steps are added up",
    ),
    Wrong(
        "fit",
        "uphill",
        [("w -= lr * w.grad", "w += lr * w.grad"), ("b -=", "b +=")],
        "fit_test",
        "It goes uphill",
    ),
    Wrong(
        "fit",
        "bias not learned",
        [("            b -= lr * b.grad\n", "")],
        "fit_test",
        "The bias stays 0",
    ),
    Wrong(
        "fit",
        "sum instead of mean",
        [("** 2).mean()", "** 2).sum()")],
        "fit_test",
        "The loss is the sum",
    ),
    Wrong(
        "fit",
        "half of the loss",
        [(SQUARED, f"{SQUARED} / 2")],
        "fit_test",
        "a factor 1/2",
    ),
    Wrong(
        "fit",
        "predictions of shape (N, 1)",
        [
            (NEW_W, "X.new_zeros(X.shape[1], 1, requires_grad=True)"),
            ("return w.detach()", "return w.detach()[:, 0]"),
        ],
        "fit_test",
        "table of all pairs",
    ),
    Wrong(
        "fit",
        "update recorded by autograd",
        [
            (
                "        with torch.no_grad():\n            w -= lr * w.grad\n"
                "            b -= lr * b.grad",
                "        w -= lr * w.grad\n        b -= lr * b.grad",
            )
        ],
        "fit_test",
        "leaf Variable that requires grad is being used in an in-place operation",
    ),
    Wrong(
        "fit",
        "parameters replaced by results",
        [("w -= lr * w.grad", "w = w - lr * w.grad"), ("b -= ", "b = b - ")],
        "fit_test",
        "requires? grad|NoneType",
    ),
    Wrong(
        "fit",
        "learning rate forgotten",
        [("w -= lr * w.grad", "w -= w.grad"), ("b -= lr * b.grad", "b -= b.grad")],
        "fit_test",
        "The learning rate is not used",
    ),
    Wrong(
        "fit",
        "one step only",
        [
            ("    return w.detach()", "        return w.detach()"),
        ],
        "fit_test",
        "stops after the first step",
    ),
    Wrong(
        "fit",
        "one step too few",
        [("range(steps)", "range(1, steps)")],
        "fit_test",
        "not moved from 0|one step too few",
    ),
    Wrong(
        "fit",
        "one step too many",
        [("range(steps)", "range(steps + 1)")],
        "fit_test",
        "one step too many",
    ),
    Wrong(
        "fit",
        "bias of shape (1,)",
        [("X.new_zeros((), ", "X.new_zeros(1, ")],
        "fit_test",
        r"has shape \(1,\), expected \(\)",
    ),
    Wrong(
        "fit",
        "parameters of the default dtype",
        [(NEW_W, "torch.zeros(X.shape[1], requires_grad=True)")],
        "fit_test",
        "expected .*have the same dtype|dtype",
    ),
    Wrong(
        "fit",
        "absolute errors",
        [(SQUARED, "(X @ w + b - y).abs().mean()")],
        "fit_test",
        r"fit\(X, y, 0.1, 1\)\[0\] is wrong",
    ),
]

LINSPACE = 'like = {"dtype": X.dtype, "device": X.device}'

POSITIONS = [
    Wrong(
        "with_positions",
        "rows and columns exchanged",
        [("[X, rows, columns]", "[X, columns, rows]")],
        "positions_test",
        "Rows and columns are exchanged",
    ),
    Wrong(
        "with_positions",
        "in front",
        [("[X, rows, columns]", "[rows, columns, X]")],
        "positions_test",
        "come before those of X",
    ),
    Wrong(
        "with_positions",
        "from 0 to 1",
        [("linspace(-1, 1, H", "linspace(0, 1, H"), ("(-1, 1, W", "(0, 1, W")],
        "positions_test",
        "go from 0 to 1",
    ),
    Wrong(
        "with_positions",
        "counted in pixels",
        [
            ("linspace(-1, 1, H, ", "arange(H, "),
            ("linspace(-1, 1, W, ", "arange(W, "),
        ],
        "positions_test",
        "counted in pixels",
    ),
    Wrong(
        "with_positions",
        "last end left out",
        [
            ("linspace(-1, 1, H,", "arange(-1, 1, 2 / H,"),
            ("linspace(-1, 1, W,", "arange(-1, 1, 2 / W,"),
        ],
        "positions_test",
        "last position is less than 1",
    ),
    Wrong(
        "with_positions",
        "upwards",
        [("linspace(-1, 1, H", "linspace(1, -1, H")],
        "positions_test",
        "grow upwards",
    ),
    Wrong(
        "with_positions",
        "one channel only",
        [("[X, rows, columns]", "[X, rows]")],
        "positions_test",
        r"has shape \(2, 2, 4, 4\), expected \(2, 3, 4, 4\)",
    ),
    Wrong(
        "with_positions",
        "written into X",
        [("return torch", "X[:, :1] = rows\n    return torch")],
        "positions_test",
        "is wrong|in place",
    ),
    Wrong(
        "with_positions",
        "float32 on the CPU",
        [(LINSPACE, "like = {}")],
        "positions_device_test",
        "dtype=X.dtype|X's device|device=X.device",
    ),
    Wrong(
        "with_positions",
        "dtype forgotten",
        [(LINSPACE, 'like = {"device": X.device}')],
        "positions_device_test",
        "made in float32 and then converted",
    ),
    Wrong(
        "with_positions",
        "made in float32, then converted",
        [
            (LINSPACE, 'like = {"device": X.device}'),
            ("[X, rows, columns]", "[X, rows.to(X.dtype), columns.to(X.dtype)]"),
        ],
        "positions_device_test",
        "made in float32 and then converted",
    ),
    Wrong(
        "with_positions",
        "device forgotten",
        [(LINSPACE, 'like = {"dtype": X.dtype}')],
        "positions_device_test",
        "on the device meta, with_positions fails",
    ),
    Wrong(
        "with_positions",
        "made on the course's default device",
        [(LINSPACE, 'like = {"dtype": X.dtype, "device": default_device()}')],
        "positions_device_test",
        "on the device (cpu|meta), with_positions fails",
    ),
    Wrong(
        "with_positions",
        "everything made float32",
        [("[X, rows, columns]", "[X.float(), rows.float(), columns.float()]")],
        "positions_device_test",
        "make new tensors with dtype=X.dtype",
    ),
]

DEAL = "[(X[rows], y[rows]) for rows in order.split(batch_size)]"
SEED = "generator = torch.Generator().manual_seed(seed)"
PERMUTATION = "torch.randperm(len(X), generator=generator)"

MINIBATCHES = [
    Wrong(
        "minibatches",
        "last batch left out",
        [
            (
                "order.split(batch_size)",
                "order.split(batch_size)[: len(X) // batch_size]",
            )
        ],
        "minibatches_test",
        "the last, smaller batch is left out",
    ),
    Wrong(
        "minibatches",
        "drawn with replacement",
        [(PERMUTATION, "torch.randint(len(X), (len(X),), generator=generator)")],
        "minibatches_test",
        "randperm, not randint",
    ),
    Wrong(
        "minibatches",
        "labels in their old order",
        [
            (
                DEAL,
                "[(X[rows], labels) for rows, labels in "
                "zip(order.split(batch_size), y.split(batch_size))]",
            )
        ],
        "minibatches_test",
        "do not belong together",
    ),
    Wrong(
        "minibatches",
        "the first labels for every batch",
        [(DEAL, "[(X[rows], y[: len(rows)]) for rows in order.split(batch_size)]")],
        "minibatches_test",
        "all rows of X come, but 15 labels never come. Take the rows of y by the same",
    ),
    Wrong(
        "minibatches",
        "an order for each",
        [
            (
                DEAL,
                "list(zip(X[order].split(batch_size), "
                "y[torch.randperm(len(X), generator=generator)].split(batch_size)))",
            )
        ],
        "minibatches_test",
        "do not belong together",
    ),
    Wrong(
        "minibatches",
        "not shuffled",
        [(PERMUTATION, "torch.arange(len(X))")],
        "minibatches_test",
        "the order is not random",
    ),
    Wrong(
        "minibatches",
        "shuffled in place",
        [
            (
                "    return ",
                "    X[:], y[:] = X[order], y[order]\n    return ",
            )
        ],
        "minibatches_test",
        "changed its argument",
    ),
    Wrong(
        "minibatches",
        "a generator instead of a list",
        [(DEAL, f"({DEAL[1:-1]})")],
        "minibatches_test",
        "must be a list of tuples",
    ),
    Wrong(
        "minibatches",
        "images without labels",
        [("(X[rows], y[rows])", "X[rows]")],
        "minibatches_test",
        "every batch must be a tuple",
    ),
    Wrong(
        "minibatches",
        "batch_size taken for the number of batches",
        [("order.split(batch_size)", "order.chunk(batch_size)")],
        "minibatches_test",
        "have sizes",
    ),
    Wrong(
        "minibatches",
        "only the first batch",
        [(DEAL, f"{DEAL}[:1]")],
        "minibatches_test",
        "have sizes",
    ),
    Wrong(
        "minibatches",
        "generator not used",
        [(PERMUTATION, "torch.randperm(len(X))")],
        "minibatches_seed_test",
        "The same seed gives another order",
    ),
    Wrong(
        "minibatches",
        "always the same seed",
        [(SEED, "generator = torch.Generator().manual_seed(0)")],
        "minibatches_seed_test",
        "Two seeds give the same order",
    ),
]

WRONG = (
    PATCHES
    + STANDARDISE
    + DISTANCES
    + MIX
    + GRADIENT
    + GRADIENTS
    + FIT
    + POSITIONS
    + MINIBATCHES
)

RIGHT = [
    Right(
        "patches",
        "by the method unfold",
        """
def patches(X, size):
    N, C = X.shape[:2]
    windows = X.unfold(2, size, size).unfold(3, size, size)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
""",
    ),
    Right(
        "patches",
        "two loops",
        """
def patches(X, size):
    rows = []
    for i in range(0, X.shape[2], size):
        for j in range(0, X.shape[3], size):
            rows.append(X[:, :, i : i + size, j : j + size].flatten(1))
    return torch.stack(rows, dim=1)
""",
    ),
    Right(
        "patches",
        "transposes and split",
        """
def patches(X, size):
    N, C, H, W = X.shape
    strips = torch.stack(X.split(size, dim=2), 1)
    tiles = torch.stack(strips.split(size, dim=4), 2)
    return tiles.contiguous().view(N, (H // size) * (W // size), -1)
""",
    ),
    Right(
        "standardise",
        "std with correction=0, keepdim, clone",
        """
def standardise(X):
    mean = X.mean(dim=0, keepdim=True)
    std = X.std(dim=0, correction=0, keepdim=True).clone()
    std[std == 0] = 1.0
    return (X - mean) / std
""",
    ),
    Right(
        "standardise",
        "column by column",
        """
def standardise(X):
    out = torch.zeros_like(X)
    for j in range(X.shape[1]):
        column = X[:, j]
        if (column != column[0]).any():
            out[:, j] = (column - column.mean()) / column.std(unbiased=False)
    return out
""",
    ),
    Right(
        "standardise",
        "nan_to_num",
        """
def standardise(X):
    mean = X.sum(0) / len(X)
    var = ((X - mean) ** 2).sum(0) / len(X)
    return torch.nan_to_num((X - mean) / var**0.5, nan=0.0)
""",
    ),
    Right(
        "distances",
        "row by row",
        """
def distances(X, Z):
    return torch.stack([(x - Z).abs().sum(1) for x in X])
""",
    ),
    Right(
        "distances",
        "column by column, less memory",
        """
def distances(X, Z):
    D = X.new_zeros(len(X), len(Z))
    for k in range(X.shape[1]):
        D += torch.abs(X[:, k].unsqueeze(1) - Z[:, k].unsqueeze(0))
    return D
""",
    ),
    Right(
        "distances",
        "expand and maximum minus minimum",
        """
def distances(X, Z):
    N, M, d = len(X), len(Z), X.shape[-1]
    a = X.unsqueeze(1).expand(N, M, d)
    b = Z.unsqueeze(0).expand(N, M, d)
    return (torch.maximum(a, b) - torch.minimum(a, b)).sum(dim=-1)
""",
    ),
    Right(
        "mix",
        "einsum",
        """
def mix(A, V, W):
    return torch.einsum("bts,bsd,od->bto", A, V, W)
""",
    ),
    Right(
        "mix",
        "broadcast and sum",
        """
def mix(A, V, W):
    totals = (A[:, :, :, None] * V[:, None, :, :]).sum(2)  # (B, T, d)
    return (totals[:, :, None, :] * W).sum(-1)
""",
    ),
    Right(
        "mix",
        "W first, bmm",
        """
def mix(A, V, W):
    B, S, d = V.shape
    U = torch.matmul(V.reshape(B * S, d), W.t()).reshape(B, S, -1)
    return torch.bmm(A, U)
""",
    ),
    Right(
        "gradient",
        "detach and clone",
        """
def gradient(f, x):
    x = x.detach().clone()
    x.requires_grad = True
    value = f(x)
    value.backward()
    return x.grad.detach()
""",
    ),
    Right(
        "gradient",
        "torch.autograd.grad",
        """
def gradient(f, x):
    with torch.enable_grad():
        y = x.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(f(y), y)
    return g
""",
    ),
    Right(
        "gradient",
        "a zero to be added",
        """
def gradient(f, x):
    step = torch.zeros_like(x, requires_grad=True)
    f(x + step).backward()
    return step.grad
""",
    ),
    Right(
        "gradients",
        "clone and zero",
        """
def gradients(losses, x):
    w = x.detach().clone().requires_grad_(True)
    result = []
    for f in losses:
        if w.grad is not None:
            w.grad.zero_()
        f(w).backward()
        result.append(w.grad.clone())
    return result
""",
    ),
    Right(
        "gradients",
        "differences of what piles up",
        """
def gradients(losses, x):
    w = x.clone().requires_grad_()
    before, result = torch.zeros_like(x), []
    for f in losses:
        f(w).backward()
        result.append(w.grad - before)
        before = w.grad.clone()
    return result
""",
    ),
    Right(
        "gradients",
        "torch.autograd.grad in a comprehension",
        """
def gradients(losses, x):
    w = x.clone().requires_grad_()
    return [torch.autograd.grad(loss(w), w)[0] for loss in losses]
""",
    ),
    Right(
        "fit",
        "columns, a helper, data changed by copy_",
        """
def fit(X, y, lr, steps):
    w = torch.zeros(X.shape[1], 1, dtype=X.dtype, requires_grad=True)
    b = torch.zeros(1, dtype=X.dtype, requires_grad=True)
    targets = y.reshape(-1, 1)
    for step in range(steps):
        loss = torch.mean((X @ w + b - targets) ** 2)
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p.copy_(p - lr * p.grad)
                p.grad.zero_()
    return w.detach().flatten(), b.detach().squeeze()
""",
    ),
    Right(
        "fit",
        "new leaves at every step",
        """
def fit(X, y, lr, steps):
    w, b = torch.zeros_like(X[0]), torch.zeros_like(y[0])
    for _ in range(steps):
        w, b = w.requires_grad_(), b.requires_grad_()
        loss = torch.dot(X @ w + b - y, X @ w + b - y) / len(y)
        dw, db = torch.autograd.grad(loss, [w, b])
        w, b = (w - lr * dw).detach(), (b - lr * db).detach()
    return w, b
""",
    ),
    Right(
        "fit",
        "one vector for both, a list returned",
        """
def fit(X, y, lr, steps):
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    table = torch.cat([X, ones], dim=1)
    theta = torch.zeros(table.shape[1], dtype=X.dtype, requires_grad=True)
    for _ in range(steps):
        theta.grad = None
        error = table @ theta - y
        (error * error).mean().backward()
        theta.data -= lr * theta.grad
    theta = theta.detach()
    return [theta[:-1], theta[-1]]
""",
    ),
    Right(
        "with_positions",
        "filled into a new tensor",
        """
def with_positions(X):
    N, C, H, W = X.shape
    out = X.new_empty(N, C + 2, H, W)
    out[:, :C] = X
    out[:, C] = torch.linspace(-1, 1, H, dtype=X.dtype, device=X.device)[:, None]
    out[:, C + 1] = torch.linspace(-1, 1, W, dtype=X.dtype, device=X.device)
    return out
""",
    ),
    Right(
        "with_positions",
        "meshgrid, moved with to(X)",
        """
def with_positions(X):
    N, C, H, W = X.shape
    down = torch.linspace(-1, 1, H, dtype=torch.float64).to(X)
    right = torch.linspace(-1, 1, W, dtype=torch.float64).to(X)
    grid = torch.stack(torch.meshgrid(down, right, indexing="ij"))
    return torch.cat((X, grid.unsqueeze(0).repeat(N, 1, 1, 1)), dim=1)
""",
    ),
    Right(
        "with_positions",
        "counted with arange and scaled",
        """
def with_positions(X):
    N, _, H, W = X.shape
    rows = 2 * torch.arange(H, dtype=X.dtype, device=X.device) / (H - 1) - 1
    columns = 2 * torch.arange(W, dtype=X.dtype, device=X.device) / (W - 1) - 1
    new = torch.stack([rows[:, None].repeat(1, W), columns.repeat(H, 1)])
    return torch.cat([X, new.repeat(N, 1, 1, 1)], 1)
""",
    ),
    Right(
        "minibatches",
        "slices of a permuted copy",
        """
def minibatches(X, y, batch_size, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    order = torch.randperm(X.shape[0], generator=g)
    X, y = X[order], y[order]
    batches = []
    for start in range(0, len(X), batch_size):
        batches.append((X[start : start + batch_size], y[start : start + batch_size]))
    return batches
""",
    ),
    Right(
        "minibatches",
        "split and zip",
        """
def minibatches(X, y, batch_size, seed):
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    return list(zip(X[order].split(batch_size), y[order].split(batch_size)))
""",
    ),
    Right(
        "minibatches",
        "Python's own shuffle, lists of two",
        """
def minibatches(X, y, batch_size, seed):
    import random

    rows = list(range(len(X)))
    random.Random(seed).shuffle(rows)
    found = []
    while rows:
        batch, rows = rows[:batch_size], rows[batch_size:]
        found.append([X[batch], y[batch]])
    return found
""",
    ),
]
