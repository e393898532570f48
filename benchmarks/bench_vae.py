"""The VAE chapter's training loop beside the usual one, which loads each image by itself.

Same model, same initial weights, same loss, same number of epochs, batches of 128,
on the CPU with as many threads as cores. The chapter's loop is taken from the
chapter's own cells, so what is measured is what is taught. The loops take turns, an
epoch each, so that other work on the machine meets both; the first epoch of each is a
warm-up and not timed. The ratio is that of the fastest epochs: where other programs
want the cores as well, the usual loop, whose threads often wait for one another,
suffers far more, which the medians show.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager
from torch.utils.data import DataLoader

from byhand import data, seed_everything

CHAPTER = Path(__file__).parents[1] / "book" / "14_vae.ipynb"
CELLS = [
    "setup",
    "kl",
    "bernoulli",
    "reparameterise",
    "model",
    "loss",
    "train-step",
    "train-epoch",
]
EPOCHS = 10


def chapter() -> SimpleNamespace:
    """What the chapter's cells define, by name.

    Raises:
        KeyError: a cell that is needed has gone or has another id.
    """
    notebook = nbformat.read(str(CHAPTER), as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}
    names: dict = {}
    for cell in CELLS:
        # the set-up cell holds a line of IPython's, %pip
        exec(TransformerManager().transform_cell(sources[cell]), names)
    return SimpleNamespace(**names)


def usual_epoch(ch: SimpleNamespace, model, optimizer, loader: DataLoader) -> float:
    """An epoch as most programs write it; returns the mean loss per image."""
    total = 0.0
    for images, _ in loader:
        x = images.view(-1, 784)
        optimizer.zero_grad()
        reconstruction, kl = ch.loss_terms(x, *model(x))
        loss = (reconstruction + kl).mean()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def loops(ch: SimpleNamespace) -> dict[str, tuple[Callable, torch.nn.Module, str]]:
    """Each loop: what an epoch calls, its model, the precision of matrix products."""
    X = data.digits("train").images.flatten(1)

    def loader() -> DataLoader:
        return DataLoader(data.dataset("train"), batch_size=128, shuffle=True)

    def start(fused: bool | None):
        seed_everything(0)
        model = ch.VAE()
        return model, torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def usual(fused: bool | None) -> tuple[Callable, torch.nn.Module]:
        model, optimizer = start(fused)
        batches = loader()
        return lambda: usual_epoch(ch, model, optimizer, batches), model

    model, optimizer = start(True)
    return {
        "usual: DataLoader, ToTensor per image": (*usual(None), "highest"),
        "the same, with the chapter's step": (*usual(True), "medium"),
        "chapter: one tensor, slices": (
            lambda: ch.train_epoch(model, optimizer, X),
            model,
            "medium",
        ),
    }


def run(epochs: int = EPOCHS) -> Iterator[tuple[str, list[float], float, float]]:
    """Train all loops in turn; yield name, seconds by epoch, train and test loss."""
    ch = chapter()
    X_test = data.digits("test").images.flatten(1)
    contenders = loops(ch)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    train_loss = {}
    for _ in range(epochs):
        for name, (epoch, _, precision) in contenders.items():
            torch.set_float32_matmul_precision(precision)
            start = time.perf_counter()
            train_loss[name] = epoch()
            seconds[name].append(time.perf_counter() - start)
            print(".", end="", flush=True)
    print()
    torch.set_float32_matmul_precision("highest")
    for name, (_, model, _) in contenders.items():
        seed_everything(0)
        test_loss = sum(ch.evaluate(model, X_test))
        yield name, seconds[name][1:], train_loss[name], test_loss


def main() -> None:
    """Print the table."""
    torch.set_num_threads(os.cpu_count() or 1)
    print(
        f"VAE, {EPOCHS} epochs of {len(data.digits()):,} images ({data.digits().name}), "
        f"{torch.get_num_threads()} threads"
    )
    rows = list(run())
    usual, losses = min(rows[0][1]), [row[3] for row in rows]
    print(f"{'':40}{'s per epoch':>15}{'faster':>10}{'loss per image':>17}")
    print(f"{'':40}{'best':>7}{'median':>8}{'':10}{'train':>9}{'test':>8}")
    for name, seconds, train, test in rows:
        best, median = min(seconds), statistics.median(seconds)
        print(
            f"{name:40}{best:7.2f}{median:8.2f}{usual / best:9.1f}×"
            f"{train:9.2f}{test:8.2f}"
        )
    if max(losses) - min(losses) > 0.02 * min(losses):
        raise SystemExit("The losses differ by more than noise: not the same training.")


if __name__ == "__main__":
    main()
