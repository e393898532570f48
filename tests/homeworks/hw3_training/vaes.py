"""Homework 3, the VAE, its loss, and the conditional VAE."""

from tests.support.solutions import mistakes, styles

LAST = "        self.to_logits = nn.Linear(hidden, d_in)\n"
ZEROS = f"{LAST}        for p in self.parameters():\n            nn.init.zeros_(p)\n"
TOLD = "F.one_hot(y, self.classes).to(x.dtype)"

WRONG = mistakes(
    "vae",
    "vae_test",
    {
        "mean and log-variance swapped": (
            {
                "return self.to_mu(h), self.to_logvar(h)": (
                    "return self.to_logvar(h), self.to_mu(h)"
                )
            },
            "mu and logvar are swapped",
        ),
        "no ReLU in the encoder": (
            {"F.relu(self.encoder(x))": "self.encoder(x)"},
            "ReLU after the encoder is missing",
        ),
        "no ReLU in the decoder": (
            {"F.relu(self.decoder(z))": "self.decoder(z)"},
            "ReLU after the decoder is missing",
        ),
        "ReLU after mean and log-variance": (
            {
                "return self.to_mu(h), self.to_logvar(h)": (
                    "return F.relu(self.to_mu(h)), F.relu(self.to_logvar(h))"
                )
            },
            "no ReLU after to_mu",
        ),
        "exp of the log-variance": (
            {"self.to_logvar(h)\n": "self.to_logvar(h).exp()\n"},
            "no exp after to_logvar",
        ),
        "decoder ends in a sigmoid": (
            {
                "return self.to_logits(F.relu(self.decoder(z)))": (
                    "return self.to_logits(F.relu(self.decoder(z))).sigmoid()"
                )
            },
            "decode returns logits: no sigmoid",
        ),
        "another name": (
            {
                "self.to_logits = nn.Linear": "self.output = nn.Linear",
                "self.to_logits(F": "self.output(F",
            },
            "parameter output.weight, which the text does not have",
        ),
        "one layer for mean and log-variance": (
            {
                "        self.to_logvar = nn.Linear(hidden, latent)\n": "",
                "self.to_logvar(h)": "self.to_mu(h)",
            },
            "VAE has no to_logvar",
        ),
        "draws when it reconstructs": (
            {"mu, _ = self.encode(x)": "mu = reparameterise(*self.encode(x))"},
            "must not draw: use the mean code",
        ),
        "reconstruction without sigmoid": (
            {"torch.sigmoid(self.decode(mu))": "self.decode(mu)"},
            r"reconstruct\(x\) is wrong. It returns logits",
        ),
        "forward returns probabilities": (
            {
                "self.decode(reparameterise(mu, logvar))": (
                    "torch.sigmoid(self.decode(reparameterise(mu, logvar)))"
                )
            },
            "forward must return logits: no sigmoid",
        ),
        "no draw in forward": (
            {"reparameterise(mu, logvar)": "mu"},
            "forward draws no codes in training mode",
        ),
        "no draw in the mode for use": (
            {
                "reparameterise(mu, logvar)": (
                    "reparameterise(mu, logvar) if self.training else mu"
                )
            },
            "forward draws no codes in the mode for use",
        ),
        "code returned in place of the mean": (
            {
                "        return self.decode(reparameterise(mu, logvar)), mu, logvar": (
                    "        z = reparameterise(mu, logvar)\n"
                    "        return self.decode(z), z, logvar"
                )
            },
            r"mu, of \(logits, mu, logvar\)",
        ),
        "draw returns logits": (
            {"torch.sigmoid(self.decode(z))": "self.decode(z)"},
            "draw must return probabilities",
        ),
        "draw has one code for all": (
            {
                "torch.randn(n, self.to_mu.out_features)": (
                    "torch.randn(1, self.to_mu.out_features).expand(n, -1)"
                )
            },
            "All pictures of draw are the same",
        ),
        "draw takes uniform codes": (
            {"torch.randn(n,": "torch.rand(n,"},
            "must be standard normal: their mean",
        ),
    },
)

WRONG += mistakes(
    "vae",
    "vae_training_test",
    {
        "weights start at 0": (
            {LAST: ZEROS},
            "150|155.*it says nothing of the picture",
        ),
    },
)

WRONG += mistakes(
    "negative_elbo",
    "negative_elbo_test",
    {
        "divergence subtracted": ({") + kl": ") - kl"}, "divergence is subtracted"),
        "the bound itself": ({"return (": "return -("}, "It is the ELBO"),
        "no divergence": ({" + kl_to_prior(mu, logvar)": ""}, "divergence is left out"),
        "sum over the pictures": (
            {".mean()": ".sum()"},
            "sum over the pictures, not the mean",
        ),
        "one value for each picture": (
            {".mean()": ""},
            "one value for each picture|grad can be implicitly created only for scalar",
        ),
        "mean over the pixels, too": (
            {"bernoulli_nll(logits, x)": "bernoulli_nll(logits, x) / x.shape[1]"},
            "likelihood is averaged over the pixels",
        ),
        "everything by pixels": (
            {".mean()": ".mean() / x.shape[1]"},
            "divided by the number of pixels, too",
        ),
        "divergence summed over the batch": (
            {"kl_to_prior(mu, logvar)": "kl_to_prior(mu, logvar).sum()"},
            "divergence is summed over the batch",
        ),
        "arguments swapped": (
            {"bernoulli_nll(logits, x)": "bernoulli_nll(x, logits)"},
            "is wrong",
        ),
        "likelihood of probabilities": (
            {"bernoulli_nll(logits, x)": "bernoulli_nll(torch.sigmoid(logits), x)"},
            "The logits went through a sigmoid, in forward or here",
        ),
        "divergence outside autograd": (
            {"kl_to_prior(mu, logvar)": "kl_to_prior(mu, logvar).detach()"},
            "No gradient gets through to to_logvar.weight|the gradient of negative_elbo by",
        ),
        "a number": ({".mean()": ".mean().item()"}, "AttributeError"),
    },
)

WRONG += mistakes(
    "negative_elbo",
    "cvae_training_test",
    {
        "labels not passed on": (
            {"logvar = model(x, *labels)": "logvar = model(x)"},
            "missing 1 required positional argument: 'y'",
        ),
    },
)

WRONG += mistakes(
    "cvae",
    "cvae_test",
    {
        "encoder not told": (
            {TOLD: "torch.zeros(len(y), self.classes)"},
            r"encode\(x, y\) is wrong. The label is not told",
        ),
        "decoder not told": (
            {
                "F.one_hot(y, self.classes).to(z.dtype)": (
                    "torch.zeros(len(y), self.classes)"
                )
            },
            r"decode\(z, y\) is wrong. The label is not told",
        ),
        "decoder made for the code alone": (
            {
                "nn.Linear(latent + classes, hidden)": "nn.Linear(latent, hidden)",
                "torch.cat([z, told], 1)": "z",
            },
            r"decoder.weight has shape \(5, 2\), expected \(5, 6\)",
        ),
        "label on the left": (
            {"[x, told]": "[told, x]"},
            "one-hot row comes after, on the right",
        ),
        "code on the right": (
            {"[z, told]": "[told, z]"},
            r"decode\(z, y\) is wrong. The one-hot row comes after",
        ),
        "labels from 1": (
            {TOLD: "F.one_hot((y + 1) % self.classes, self.classes).to(x.dtype)"},
            "one place too far to the right",
        ),
        "as many classes as labels in the batch": (
            {TOLD: "F.one_hot(y).to(x.dtype)"},
            "shapes cannot be multiplied",
        ),
        "one-hot of integers": (
            {
                f"told = {TOLD}": (
                    "told = F.one_hot(y, self.classes)[:1].expand(len(y), -1)"
                )
            },
            "Every row has the label of the first",
        ),
        "label as a number": (
            {
                f"told = {TOLD}": (
                    "told = torch.zeros(len(y), self.classes)\n        told[:, 0] = y"
                )
            },
            "The label itself is appended: it is to be one-hot",
        ),
        "draw returns logits": (
            {"torch.sigmoid(self.decode(z, y))": "self.decode(z, y)"},
            "draw must return probabilities",
        ),
        "no draw in forward": (
            {"reparameterise(mu, logvar)": "mu"},
            "forward must draw a code for each picture",
        ),
        "no draw in the mode for use": (
            {
                "reparameterise(mu, logvar)": (
                    "reparameterise(mu, logvar) if self.training else mu"
                )
            },
            "in each call anew, in both modes",
        ),
        "forward returns probabilities": (
            {
                "self.decode(reparameterise(mu, logvar), y)": (
                    "torch.sigmoid(self.decode(reparameterise(mu, logvar), y))"
                )
            },
            "forward returns logits: no sigmoid",
        ),
        "draw takes labels of its own": (
            {"self.decode(z, y))": "self.decode(z, y.flip(0)))"},
            "label that the decoder is told by draw",
        ),
        "draw has one code for all": (
            {
                "torch.randn(len(y), self.to_mu.out_features)": (
                    "torch.randn(1, self.to_mu.out_features).expand(len(y), -1)"
                )
            },
            "All pictures of draw have the same code",
        ),
    },
)

WRONG += mistakes(
    "cvae",
    "cvae_training_test",
    {
        "weights start at 0": (
            {LAST: ZEROS},
            "are like the digit that was asked for",
        ),
    },
)

RIGHT = styles(
    "vae",
    {
        "ReLU by clamp, no autograd in draw": """
class VAE(nn.Module):
    def __init__(self, d_in, hidden, latent):
        super().__init__()
        self.latent = latent
        self.to_logits = nn.Linear(hidden, d_in)
        self.decoder = nn.Linear(latent, hidden)
        self.to_mu, self.to_logvar = (nn.Linear(hidden, latent) for _ in range(2))
        self.encoder = nn.Linear(d_in, hidden)
        self.relu = nn.ReLU()

    def encode(self, x):
        h = self.encoder(x).clamp(min=0)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        return mu, logvar

    def decode(self, z):
        return self.to_logits(self.relu(self.decoder(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = reparameterise(mu, logvar)
        return self.decode(z), mu, logvar

    @torch.no_grad()
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).sigmoid()

    @torch.no_grad()
    def draw(self, n):
        return 1 / (1 + torch.exp(-self.decode(torch.randn(n, self.latent))))
""",
        "noise and prior by way of reparameterise": """
class VAE(nn.Module):
    def __init__(self, d_in, hidden, latent):
        super().__init__()
        sizes = {"encoder": (d_in, hidden), "decoder": (latent, hidden)}
        sizes |= {"to_mu": (hidden, latent), "to_logvar": (hidden, latent)}
        for name, size in (sizes | {"to_logits": (hidden, d_in)}).items():
            self.add_module(name, nn.Linear(*size))
        self.latent = latent

    def encode(self, x):
        h = torch.relu(self.encoder(x))
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z):
        return self.to_logits(torch.relu(self.decoder(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        eps = torch.randn_like(logvar)
        return self.decode(reparameterise(mu, logvar, eps)), mu, logvar

    def reconstruct(self, x):
        return torch.sigmoid(self.decode(self.encode(x)[0]))

    def draw(self, n):
        zeros = torch.zeros(n, self.latent)
        return torch.sigmoid(self.decode(reparameterise(zeros, zeros)))
""",
    },
)

RIGHT += styles(
    "negative_elbo",
    {
        "two means": """
def negative_elbo(model, x, *labels):
    logits, mu, logvar = model(x, *labels)
    reconstruction = bernoulli_nll(logits, x).mean()
    divergence = kl_to_prior(mu, logvar).mean()
    return reconstruction + divergence
""",
        "sum over the number of pictures": """
def negative_elbo(model, x, *labels):
    logits, *code = model.forward(x, *labels)
    elbo = -bernoulli_nll(logits, x) - kl_to_prior(*code)
    return -elbo.sum() / x.shape[0]
""",
    },
)

RIGHT += styles(
    "cvae",
    {
        "derived from VAE": """
class ConditionalVAE(VAE):
    def __init__(self, d_in, hidden, latent, classes):
        super().__init__(d_in, hidden, latent)
        self.latent, self.classes = latent, classes
        self.encoder = nn.Linear(d_in + classes, hidden)
        self.decoder = nn.Linear(latent + classes, hidden)

    def tell(self, value, y):
        return torch.cat([value, torch.eye(self.classes)[y]], dim=1)

    def encode(self, x, y):
        return super().encode(self.tell(x, y))

    def decode(self, z, y):
        return super().decode(self.tell(z, y))

    def forward(self, x, y):
        mu, logvar = self.encode(x, y)
        return self.decode(reparameterise(mu, logvar), y), mu, logvar

    def draw(self, y):
        return self.decode(torch.randn(y.shape[0], self.latent), y).sigmoid()
""",
        "one-hot by comparison": {
            "F.one_hot(y, self.classes).to(x.dtype)": (
                "(y[:, None] == torch.arange(self.classes)).float()"
            ),
            "F.one_hot(y, self.classes).to(z.dtype)": (
                "z.new_zeros(len(y), self.classes).scatter_(1, y[:, None], 1.0)"
            ),
        },
    },
)
