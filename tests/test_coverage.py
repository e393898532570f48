"""Every point that the curriculum owes has its place: chapter, section, and words.

The table maps each point to the section that teaches it and to a pattern that the
section's text or code must hold.
"""

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).parents[1] / "book"

# chapter: {section: {point: pattern}}
COVERAGE = {
    "01_what_is_deep_learning": {
        "Three circles, one inside the other": {
            "AI, ML and DL told apart": "Machine learning.*Deep learning",
            "representation, evaluation, optimisation": "representation.*evaluation.*optimis",
        },
        "The features question": {
            "features by hand against end-to-end learning": "end-to-end",
            "hierarchical features": "hierarchy",
        },
        "An awfully short history": {
            str(year): rf"\| {year} \|"
            for year in (1943, 1958, 1969, 1971, 1974, 1989, 1990, 1997, 2012, 2014,
                         2015, 2017, 2018, 2020, 2021, 2022)
        },
        "The connectionist phrasebook": {"phrasebook": "layer.*activation.*backprop"},
        "Not magic": {
            "little theory": "Little theory",
            "hunger for data": "Hunger for data",
            "compute": "Hunger for computing",
            "hype": "Hype",
        },
        "Six steps": {
            f"step {i}": rf"\*\*{i} ·|\*\*{i} · |{i} · " for i in range(1, 7)
        },
    },
    "02_losses": {
        "Empirical risk minimisation": {
            "expectation over the data": r"mathbb\{E\}",
            "generalisation": "generalisation",
            "train and test, i.i.d.": "i\\.i\\.d\\.",
        },
        "A learning problem has three parts": {
            "regression against classification": "regression.*classification"
        },
        "Losses for regression": {"MSE": "mean squared error", "L1": "L1"},
        "Losses for two classes": {
            "hinge": "hinge", "binary cross entropy": "binary cross entropy"
        },
        "Many classes: softmax and cross entropy": {
            "one-hot": "one-hot",
            "softmax and logits": "logits",
            "log-sum-exp": "log-sum-exp",
            "cross_entropy takes logits": "takes logits",
        },
        "Why these losses? One principle: likelihood": {
            "KL divergence to cross entropy": "Kullback"
        },
        "Without labels": {
            "maximum likelihood": "Maximum likelihood",
            "contrastive": "Contrastive",
            "clustering": "Clustering",
        },
        "The loss surface belongs to the data": {
            "same model and minimum, two surfaces": r"\(3, 2\)"
        },
        "How much data is enough?": {"ten times": "ten times"},
        "Questions from the lecture": {"representative": "representative"},
    },
    "03_tensors": {
        "A box of numbers": {"ndim, shape, dtype": "ndim.*dtype|dtype"},
        "One strip of memory, many shapes": {
            "reshape": "reshape|view", "cat": "cat", "permute": "permute|transpose",
            "insert dimensions": "unsqueeze|None", "NumPy": "numpy",
        },
        "Three kinds of operations": {
            "elementwise, reductions, dot products": "108", "reductions": "reduc|sum"
        },
        "Batching: many products as one": {
            "matrix-vector as matrix-matrix": "matri", "loops, measured": "loop"
        },
        "Devices": {"CUDA": "CUDA|cuda", "MPS": "MPS|mps", "accelerator": "accelerator",
                    "cost of moving": "Moving"},
        "When memory runs out": {"out of memory": "out of memory"},
        "Autograd": {
            "requires_grad": "requires_grad", "backward": r"\.backward\(\)",
            "accumulation and zeroing": "accumulat", "no_grad": "no_grad",
        },
        "Gradients accumulate": {"(10, 3), then 6": "10.*6"},
    },
    "04_networks": {
        "One layer is an affine map": {
            "weights, biases, parameters": "parameters",
            "bias as an appended 1": "Append a 1",
            "why we still write b": "three reasons",
        },
        "Layers without activations collapse": {"collapse": "one affine layer"},
        "What an activation changes: logistic regression, iterated": {
            "iterated logistic regression": "logistic regressions",
            "hidden layers": "hidden",
        },
        "Model, architecture, parameters": {
            "model against architecture": "class of functions",
            "1-10-1 is 31, 2-3-4-2 is 35": "== 31.*== 35",
        },
        "Three ways to say it in PyTorch": {
            "nn.Sequential": r"nn\.Sequential", "nn.Module": r"nn\.Module"
        },
        "Two kinds of picture": {
            "node-and-edge against computation graph": "computation graph",
            "torchview on meta": "meta",
            "torchviz": "make_dot",
        },
        "Shape errors": {"will be an error, why?": "Why"},
        "Choosing an architecture": {"validation data": "validation"},
        "How large are networks?": {"sizes through history": "GPT-3"},
    },
    "05_activations": {
        "A catalogue": {
            name: name for name in ("[Ss]tep", "[Ss]igmoid", "tanh", "ReLU", "Leaky", "ELU",
                                    "SELU", "Swish|SiLU", "[Ss]ine|sin", "[Ii]dentity",
                                    "autograd")
        },
        "Saturation: two flat ends": {"saturation, measured": "saturat"},
        "Dead units: one flat end": {"dead units counted": "dead"},
        "Self-normalising networks, and the constants of SELU": {
            "constants derived": "lambda|λ", "50 layers": "50"
        },
        "Maxout: learn the activation": {"Maxout": "[Mm]axout"},
        "Softmax: all coordinates at once": {"not coordinate-wise": "Jacobian"},
        "Should layers differ?": {"should layers differ?": "layer"},
        "The playground, in earnest": {
            "ReLU against sigmoid on circles": "circles", "ReLU against tanh on a grid": "xor"
        },
    },
    "06_universal_approximation": {
        "What can one hidden layer represent?": {
            "Cybenko, Hornik, Leshno": "Cybenko.*Hornik.*Leshno",
            "if and only if not a polynomial": "if and only if.*not a polynomial",
            "bounded is no condition": "errata",
        },
        "A proof you can run: hinges": {"constructive proof": "hinge_network"},
        "How large is the error?": {
            "bound": r"h\^2\}\{8\}",
            "measured rate": "loglog",
            "the curriculum's numbers": "0.2105, 0.01885, 1.203e-3",
        },
        "Any curve": {"error against width": "largest error"},
        "More inputs than one": {"ridges": "ridge", "dimension": "curse"},
        "Existence is not training": {"constructed against trained": "constructed"},
        "What depth adds: folding": {"sawtooth": "sawtooth", "Telgarsky": "Telgarsky"},
        "The square, to $2^{-2m-2}$": {
            "x², exactly": r"== 2\.0 \*\* \(-2 \* m - 2\)", "Yarotsky": "Yarotsky",
        },
        "Do deep networks fold by themselves?": {"random networks": "meta-theorem"},
        "\"For regression, depth does not help\"": {
            "same size, tuned rate, seeds": "Same number of parameters.*tuned",
        },
    },
    "07_backpropagation": {
        "Why gradients must be cheap": {"cheap gradients": "parameters"},
        "The chain rule, and why its order matters": {"chain rule": "chain rule"},
        "Vector–Jacobian products": {"VJP": "Jacobian"},
        "A network is two recursions": {"two recursions": "recursion"},
        "Four layers by hand": {
            "linear": "Linear", "sigmoid, ReLU": "Sigmoid and ReLU",
            "softmax cross entropy": "Softmax with cross entropy",
        },
        "A network trained with no autograd": {"MLP by hand": "no autograd|MNIST"},
        "Any graph: what is used twice adds up": {"DAGs": "skip|shared"},
        "An autograd engine of our own": {"under 100 lines": "100"},
        '"Did you compute your gradients correctly?"': {"gradient checking": "differences"},
        "The cheap-gradient bound": {"Baur–Strassen": "Baur"},
        "The price: memory": {"checkpointing": "checkpoint", "no_grad": "no_grad"},
        "Forward mode: dual numbers": {"dual numbers": "dual"},
        "Both modes solve one triangular system": {
            "triangular solve": "triangular", "NP-complete": "NP-complete"
        },
        "Reverse mode in PyTorch and JAX": {"JAX": "JAX", "torchviz": "make_dot|torchviz"},
        "Products of Jacobians vanish or explode": {"vanishing": "vanish"},
    },
    "08_optimisation": {
        "Gradient descent, from a surrogate": {"surrogate": "surrogate"},
        "Cheaper gradients: mini-batches": {
            "cost N/B": "N/B|frac\\{N\\}\\{B\\}|N / B",
            "√n error": "sqrt",
            "powers of two": "powers? of two",
            "epoch, step, update": "Epoch, step, update",
        },
        "Optimisers by hand": {
            name: name for name in ("omentum", "Adagrad", "RMSprop", "Adam", "torch\\.optim")
        },
        "Curvature from past gradients: L-BFGS": {"L-BFGS": "L-BFGS"},
        "Learning-rate schedules": {"schedules": "schedule"},
        "What stands in the way": {
            "minima": "minim", "saddles": "saddle", "plateaus": "plateau",
            "ill-conditioning": "condition",
        },
        "Gradient accumulation": {"equal to the large batch": "accumulat"},
        "Gradient clipping": {"clipping": "clip"},
        "Early stopping": {"early stopping": "patience|stop"},
        "Hyper-parameters, and how to tune them": {"tuning": "search|tun"},
    },
    "09_initialisation": {
        "Breaking symmetry": {"symmetry": "symmetr"},
        "How large? One sum decides": {
            "N(0, 1/d)": "1/d|frac", "nn.Linear": r"nn\.Linear", "a sixth": "sixth|1/6|1 / 6"
        },
        "The first loss is known in advance": {"ln 10": "log.*10"},
        "Powers of a matrix": {"eigenvalues": "eig", "0.25^10": "0\\.25|quarter"},
        "Xavier and He: the right scale, derived": {"Xavier": "Xavier", "He": "He"},
        "A hundred layers": {"gain, activation, residual": "residual"},
        "A hundred layers at one gradient step": {"one step": "step"},
        "Residual connections": {"identity": "identity", "zero-initialised": "zero"},
        "Loss surfaces, with and without skips": {"filter-normalised": "filter"},
    },
    "10_normalisation": {
        "Batch normalisation, forward": {"forward": "var"},
        "Backward": {"backward": "dx"},
        "Train and eval: the running statistics": {
            "momentum": "momentum", "unbiased": "unbiased"
        },
        "The bias in front is redundant": {"redundant bias": "bias"},
        "The rescue": {"vanishing with sigmoids": "sigmoid"},
        "What it allows: learning rates and initialisations": {"learning rate": "learning rate"},
        "Small batches": {"small batches": "batch"},
        "One function over axes": {"layer": "layer", "instance": "instance", "group": "group"},
        "Weight normalisation: direction and length": {"weight norm": "direction"},
        "Statistics by formula: normprop and SELU": {
            "normprop": "[Nn]ormalisation propagation|normprop", "self-normalising": "SELU"
        },
        "Is it understood?": {"not well understood": "understood"},
    },
    "11_regularisation": {
        "A network that learns by heart": {
            "overfitting": "overfit", "by heart": "nonsense"
        },
        "Penalties: L2 and L1": {"L1": "soft_threshold", "L2": "weight_decay"},
        "Early stopping is a penalty, too": {
            "stopping against L2": "ridge.*stopped"
        },
        "Dropout": {
            "inverted Bernoulli": r"bernoulli.*1 - self\.p", "train and eval": "eval"
        },
        "Augmentation: data that cost nothing": {
            "not at test time": "Not at test time", "images": "show_images"
        },
        "Dataset and DataLoader": {
            "collate": "def collate", "workers": "num_workers", "what it costs": "seconds"
        },
        "Double descent": {"double descent": "lstsq.*peak"},
        "What a network can be told": {
            "several inputs": r"torch\.cat", "auxiliary task": "auxiliary",
            "bottleneck": "bottleneck", "sparsity": "sparsity",
            "deep learning is a language": "language",
        },
    },
    "12_convolution": {
        "The sum that slides": {"continuous": "int"},
        "Discrete convolution": {"Toeplitz": "Toeplitz", "flipped": "[Ff]lip"},
        "Four ways to compute the same": {
            "im2col": "im2col", "FFT": "fft", "Conv1d, 2d, 3d": "conv3d"
        },
        "Two dimensions": {
            "padding": "padding", "stride": "stride", "dilation": "dilation",
            "channels": "channel",
        },
        "How large is the output?": {"output size": "floor"},
        "It is linear": {"linearity": "linear"},
        "Transposed convolution is the adjoint": {"adjoint": "adjoint"},
        "Why not a dense layer?": {
            "150528²": "22[_,]658[_,]678[_,]784", "1,792": "1[_,]?792"
        },
        "What it costs": {"cost": "multiply", "crossover": "FFT"},
        "Cheaper convolutions": {
            "1×1": "1×1", "depthwise": "[Dd]epthwise", "separable": "[Ss]eparable"
        },
        "Pooling": {"max": "[Mm]ax", "average": "avg_pool"},
        "Equivariance, shown and broken": {"equivariance": "equivarian"},
    },
    "13_convnets": {
        "LeNet-5 (1998): the pattern": {"LeNet-5": "61_706"},
        "AlexNet (2012): the same, large": {"AlexNet": "61_100_840", "two groups": "60_965_224"},
        "VGG (2014): only 3×3, but many": {"VGG": "138_357_544|vgg16"},
        "Inception (2014): several views at once, and a bottleneck": {"Inception": "1×1"},
        "ResNet (2015): add the input": {"ResNet": "residual|resnet"},
        "DenseNet (2017) and WideResNet (2016)": {"DenseNet": "DenseNet", "Wide": "Wide"},
        "A small ResNet, trained": {"trained": "accuracy"},
        "Looking inside": {"filters": "filter", "feature maps": "feature map"},
        "Features for digits never seen": {"transfer": "froz|transfer"},
        "Fooling it": {"FGSM": "FGSM|sign"},
        "Can a machine find the architecture?": {"architecture search": "search"},
    },
    "14_vae": {
        "Latent variables": {"latent variables": "latent"},
        "The evidence lower bound, step by step": {"ELBO": "ELBO|lower bound"},
        "The encoder is a Gaussian": {"KL in closed form": "closed form"},
        "The decoder is a Bernoulli": {"Bernoulli": "Bernoulli"},
        "Why we reparameterise": {"reparameterisation": "score function|varepsilon"},
        "The training loop": {"one-sample estimate": "one draw|one sample"},
        "Reconstructions": {"reconstructions": "Encode test images"},
        "Samples": {"samples": "prior"},
        "The latent plane": {"latent plane": "plane"},
        "Questions from the lecture": {
            "why 784": "784", "parameters": "652,824|parameters", "which p(x|z)": "Bernoulli",
            "how many samples": "sample|draw",
        },
        "A digit of your choice: the conditional VAE": {"conditional": "condition"},
        "Posterior collapse": {"collapse": "collapse"},
    },
    "15_workshop": {
        "Five parts": {"data, model, loss, optimiser, loop": "Optimiser"},
        "Saving, loading, resuming": {"saving and loading": "torch.save"},
        "Processor and graphics card": {"CPU and GPU": "device"},
        "The frameworks, by how they get their graph": {
            name: name for name in ("Caffe", "Theano", "TensorFlow", "Chainer")
        },
        "What is a static graph? Build one": {"tracing": "tracing"},
        "Compiling: a graph from ordinary code": {"torch.compile": r"torch\.compile"},
        "Functions of functions: `grad`, `vmap`, and JAX": {
            "JAX": r"jax\.jit", "torch.func": "vmap"
        },
        "Kernels of your own: Triton": {"Triton": r"triton\.jit"},
        "Where each fits": {"where each fits": "you want to"},
        "Out of Python": {"C\\+\\+ deployment": "AOTIModelPackageLoader"},
    },
    "16_outlook": {
        "Sequences: a forward pass with a loop in it": {
            "RNN": "recurrent", "differentiable programming": "Differentiable programming"
        },
        "Attention": {"attention": "softmax"},
        "Graphs": {"GNN": "graph neural network"},
        "Learning from little, or from none": {
            "self-supervision": "Self-supervision", "few-shot": "Few-shot",
            "adversarial training": "Adversarial training",
        },
        "Generative models": {"flows": "flow", "GANs": "adversarial", "diffusion": "diffusion"},
        "Large models: the arithmetic": {"large-model training": "16 bytes"},
        "A project of your own": {"project brief": "proposal"},
        "Further reading": {"pointers": "references"},
    },
}  # fmt: skip


def sections(path: Path) -> dict[str, str]:
    """The text and code below each heading, down to the next one of its level."""
    cells = nbformat.read(path, 4).cells
    lines = []
    for cell in cells:
        fenced = False
        for line in cell.source.splitlines():
            fenced ^= line.startswith("```")
            heading = cell.cell_type == "markdown" and not fenced
            found = re.match(r"(#{1,6}) (.+)", line) if heading else None
            lines.append((len(found[1]) if found else 0, found[2] if found else line))
    texts = {}
    for start, (level, title) in enumerate(lines):
        if level:
            stop = next(
                (i for i in range(start + 1, len(lines)) if 0 < lines[i][0] <= level),
                len(lines),
            )
            texts[title] = "\n".join(text for _, text in lines[start:stop])
    return texts


@pytest.mark.parametrize("chapter", COVERAGE)
def test_every_point_has_its_place(chapter):
    found = sections(BOOK / f"{chapter}.ipynb")
    for section, points in COVERAGE[chapter].items():
        assert section in found, f"no section {section!r}"
        for point, pattern in points.items():
            assert re.search(pattern, found[section], flags=re.DOTALL), (
                f"{section!r} says nothing of {point!r} (looked for {pattern!r})"
            )


def test_every_chapter_is_covered():
    assert sorted(COVERAGE) == sorted(path.stem for path in BOOK.glob("[0-9]*.ipynb"))
