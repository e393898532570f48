"""Homework 2, batch norm."""

from tests.support.solutions import mistakes, styles

MEAN, VAR = "X.mean((0, 2, 3))", "X.var((0, 2, 3), correction=0)"
STD = "torch.sqrt(var + self.eps)"
OUT = "return gamma[:, None, None] * self.x_hat + beta[:, None, None]"
UPDATE_MEAN = "old * self.running_mean + new * mean"
UPDATE_VAR = "old * self.running_var + new * var * n / (n - 1)"

WRONG = mistakes(
    "batch_norm",
    "batch_norm_forward_test",
    {
        "gamma and beta forgotten": (
            {OUT: "return self.x_hat"},
            "gamma and beta are not used",
        ),
        "beta forgotten": ({" + beta[:, None, None]": ""}, "beta is not added"),
        "beta added before gamma multiplies": (
            {OUT: "return gamma[:, None, None] * (self.x_hat + beta[:, None, None])"},
            "beta is added before gamma multiplies",
        ),
        "gamma and beta swapped": (
            {
                "    if training:": (
                    "    gamma, beta = beta, gamma\n        if training:"
                )
            },
            "gamma and beta are swapped",
        ),
        "gamma and beta along the width": (
            {OUT: "return gamma * self.x_hat + beta"},
            "size of tensor",
        ),
        "mean not subtracted": (
            {"(X - mean[:, None, None])": "X"},
            "mean is not subtracted",
        ),
        "divided by the variance": (
            {STD: "var + self.eps"},
            "divided by the variance: the root is missing",
        ),
        "eps outside the root": (
            {STD: "torch.sqrt(var) + self.eps"},
            "eps belongs below the root",
        ),
        "eps forgotten": ({STD: "torch.sqrt(var)"}, "eps is left out"),
        "eps fixed": (
            {"self.eps, self.momentum = eps": "self.eps, self.momentum = 1e-5"},
            r"forward in training.* is wrong in",
        ),
        "unbiased variance in the normalisation": (
            {VAR: "X.var((0, 2, 3))", "var * n / (n - 1)": "var"},
            r"divided by the unbiased deviation: here the variance has 1/n",
        ),
        "statistics of each image": (
            {
                "std = " + STD: (
                    "mean, var = X.mean((2, 3)), X.var((2, 3), correction=0)\n"
                    "        gamma, beta = gamma.expand_as(mean), beta.expand_as(mean)\n"
                    "        self.training = True\n"
                    "        self.x_hat = (X - mean[..., None, None]) / torch.sqrt(\n"
                    "            var[..., None, None] + self.eps\n        )\n"
                    "        return gamma[..., None, None] * self.x_hat + beta[..., None, None]\n"
                    "        std = 0"
                )
            },
            "Each image is normalised by itself",
        ),
        "statistics of all channels together": (
            {
                "std = " + STD: (
                    "mean, var = X.mean().expand_as(mean), "
                    "X.var(correction=0).expand_as(var)\n        std = " + STD
                )
            },
            "channels are mixed",
        ),
        "statistics over the batch only": (
            {
                "std = " + STD: (
                    "mean, var = X.mean(0), X.var(0, correction=0)\n"
                    "        return (X - mean) / torch.sqrt(var + self.eps) * "
                    "gamma[:, None, None] + beta[:, None, None]\n        std = " + STD
                )
            },
            "taken over N only",
        ),
    },
)

WRONG += mistakes(
    "batch_norm",
    "batch_norm_eval_test",
    {
        "running variance biased": (
            {"new * var * n / (n - 1)": "new * var"},
            r"running_var after batch 1 is wrong\. It is the biased variance",
        ),
        "running variance by the size of the batch": (
            {"X.numel() // X.shape[1]": "len(X)"},
            "divided by N − 1, but n = N·H·W",
        ),
        "running standard deviation": (
            {UPDATE_VAR: "old * self.running_var + new * (var * n / (n - 1)).sqrt()"},
            "standard deviations, not variances",
        ),
        "momentum the wrong way round": (
            {
                "old, new = 1 - self.momentum, self.momentum": (
                    "old, new = self.momentum, 1 - self.momentum"
                )
            },
            "momentum is the wrong way round",
        ),
        "momentum fixed": (
            {
                "self.eps, self.momentum = eps, momentum": (
                    "self.eps, self.momentum = eps, 0.1"
                )
            },
            "does not use the momentum",
        ),
        "old value not faded": (
            {"old, new = 1 - self.momentum,": "old, new = 1,"},
            "not multiplied by 1 − momentum",
        ),
        "statistics of the latest batch kept": (
            {UPDATE_MEAN: "mean"},
            "that of the latest batch",
        ),
        "running statistics never updated": (
            {"self.running_mean = " + UPDATE_MEAN: "running_mean = " + UPDATE_MEAN},
            "running_mean after batch 1 is wrong. It is not updated",
        ),
        "running variance starts at 0": (
            {"torch.ones(channels)": "torch.zeros(channels)"},
            "running_var at the start is wrong",
        ),
        "mode ignored: the batch's statistics in use, too": (
            {"        if training:": "        if True:"},
            "batch's own statistics are used",
        ),
        "running statistics updated in use": (
            {
                "mean, var = self.running_mean, self.running_var": (
                    "mean, var = self.running_mean, self.running_var\n"
                    "            self.running_mean = 0.9 * mean + 0.1 * " + MEAN
                )
            },
            "after a forward with training=False, which must leave it alone",
        ),
        "no root in use": (
            {
                "mean, var = self.running_mean, self.running_var": (
                    "mean, var = self.running_mean, (self.running_var + self.eps) ** 2 - "
                    "self.eps"
                )
            },
            "forward in use .*the root is missing",
        ),
    },
)

WRONG += mistakes(
    "batch_norm",
    "batch_norm_backward_test",
    {
        "mean taken as a constant": (
            {"dX = dout - dout.mean((0, 2, 3), keepdim=True) -": "dX = dout -"},
            "What goes back by the mean is missing",
        ),
        "variance taken as a constant": (
            {" - self.x_hat * by_var": ""},
            "What goes back by the variance is missing",
        ),
        "mean and variance taken as constants": (
            {
                "        if self.training:\n            by_var": (
                    "        if False:\n            by_var"
                )
            },
            "Mean and variance depend on X too",
        ),
        "gamma forgotten on the way back": (
            {"gamma / std": "1 / std"},
            "dX .*does not use gamma",
        ),
        "gradient of gamma with X": (
            {
                "        self.x_hat = ": "        self.X = X\n        self.x_hat = ",
                "dgamma, dbeta = (dout * self.x_hat)": (
                    "dgamma, dbeta = (dout * self.X)"
                ),
            },
            "dgamma .*taken with X",
        ),
        "gradients of gamma and beta averaged": (
            {
                "(dout * self.x_hat).sum(": "(dout * self.x_hat).mean(",
                "dout.sum(": "dout.mean(",
            },
            "dgamma .*1/40 of what it should be",
        ),
        "gradient of beta summed over the batch only": (
            {"dout.sum((0, 2, 3))": "dout.sum(0)"},
            "dbeta .*has shape",
        ),
        "means over the batch only on the way back": (
            {
                "by_var = (dout * self.x_hat).mean((0, 2, 3), keepdim=True)": (
                    "by_var = (dout * self.x_hat).mean(0, keepdim=True)"
                ),
                "dout.mean((0, 2, 3), keepdim=True)": "dout.mean(0, keepdim=True)",
            },
            r"dX \(in training\) is wrong",
        ),
        "backward as in training after a forward in use": (
            {"        if self.training:": "        if True:"},
            r"dX \(in use\) is wrong\. In use, mean and variance are constants",
        ),
        "tuple without dX": (
            {"return self.slope[:, None, None] * dX, dgamma": "return dgamma"},
            r"must return the tuple \(dX, dgamma, dbeta\)",
        ),
        "dout changed in place": (
            {"        dX = dout\n": "        dX = dout\n        dX *= 1.001\n"},
            "is wrong",
        ),
    },
)

WRONG += mistakes(
    "batch_norm",
    "batch_norm_more_test",
    {
        "variance as mean of squares less square of mean": (
            {VAR: "(X**2).mean((0, 2, 3)) - mean**2"},
            r"forward \(a large mean, float32\) is wrong",
        ),
        "X centred in place": (
            {
                "self.x_hat = (X - mean[:, None, None]) / std[:, None, None]": (
                    "X -= mean[:, None, None]\n"
                    "        self.x_hat = X / std[:, None, None]"
                )
            },
            "forward changed its argument 1 in place",
        ),
        "running statistics shared by all layers": (
            {
                "self.running_mean = torch.zeros(channels)": (
                    "BatchNorm2d.running_mean = torch.zeros(channels)"
                ),
                "self.running_mean = " + UPDATE_MEAN: (
                    "BatchNorm2d.running_mean = " + UPDATE_MEAN
                ),
            },
            "running_mean after a forward of another layer",
        ),
        "what the way back needs shared by all layers": (
            {"        self.x_hat = ": "        BatchNorm2d.x_hat = "},
            r"dX \(.*\) is wrong",
        ),
        "running statistics in float64": (
            {"torch.zeros(channels)": "torch.zeros(channels, dtype=torch.float64)"},
            "float64",
        ),
    },
)

RIGHT = styles(
    "batch_norm",
    {
        "step by step, running statistics changed in place": """
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
        "channels as rows of a matrix, var_mean and lerp": """
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
        "float64 inside": """
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
    },
)
