"""All of the book and the homeworks' references on a GPU, each beside the CPU.

``python benchmarks/gpu.py [--minutes 10] [--only 05 hw2 vae]``

Plain Python: it needs PyTorch and NumPy and takes what else there is; Matplotlib, IPython
and the like are replaced by what accepts every call where they are missing. Digits come
from ``BYHAND_DATA``, or ``../shared/data``, or scikit-learn. Each chapter and homework
runs in a process of its own, cell after cell; a cell that fails is named, and the next
ones run. Last, an epoch of the VAE: image by image, as in the chapter, and as one
captured CUDA graph.
"""

import argparse
import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = {path.stem[:2]: path for path in sorted(ROOT.glob("book/[0-9]*.ipynb"))}
NOTEBOOKS |= {p.stem[:3]: p for p in sorted(ROOT.glob("solutions/hw*/*.ipynb"))}
OPTIONAL = (
    *("matplotlib", "matplotlib_inline", "IPython", "graphviz", "torchviz", "PIL"),
    *("torchview", "anywidget", "traitlets", "ipywidgets", "mpl_toolkits", "scipy"),
    *("torchvision", "sklearn", "nbformat", "scipy.fft", "sklearn.datasets"),
)
VAE_CELLS = ("setup", "kl", "bernoulli", "reparameterise", "model", "loss")
VAE_CELLS += ("train-step", "train-epoch")
BATCH = 128


class _Anything(MagicMock):
    """A module that is not there: whatever is asked of it can be called."""

    __path__ = ()
    __all__ = ()


def stand_in() -> list[str]:
    """Put something in the place of the packages that are missing; their names."""
    missing = []
    for name in OPTIONAL:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None and name.partition(".")[0] not in missing:
            missing.append(name)

    class Finder:
        def find_spec(self, name, *_):
            if name.partition(".")[0] in missing:
                return importlib.util.spec_from_loader(name, self)
            return None

        def create_module(self, spec):
            return _Anything(name=spec.name)

        def exec_module(self, module):
            pass

    sys.meta_path.append(Finder())
    return missing


def code_cells(path: Path) -> list[tuple[str, str]]:
    """Names and sources of a notebook's code cells, without IPython's own lines."""
    cells = []
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            source = re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)
            cells.append((cell["id"], source))
    return cells


def run_notebook(name: str) -> dict:
    """Run a notebook's cells in this process: seconds, and the cells that failed."""
    import torch

    names: dict = {"__name__": "__main__"}
    failed = []
    path = NOTEBOOKS[name]
    os.chdir(path.parent)
    start = time.monotonic()
    for cell, source in code_cells(path):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(ast.parse(source), f"<{cell}>", "exec"), names)
        except Exception as error:
            lines = traceback.extract_tb(error.__traceback__)
            at = [f.lineno for f in lines if f.filename == f"<{cell}>"]
            words = " ".join(str(error).split())[:160]
            failed.append(
                f"{cell}:{at[-1] if at else 0} {type(error).__name__}: {words}"
            )
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {"seconds": time.monotonic() - start, "failed": failed}


def per_image_epoch(ch: SimpleNamespace, model, optimiser, device) -> Callable:
    """An epoch as most programs write it: each image is loaded by itself."""
    from torch.utils.data import DataLoader, Dataset

    digits = ch.data.digits("train")
    pictures = (digits.images * 255).round().byte().squeeze().numpy()

    class Images(Dataset):
        def __len__(self):
            return len(pictures)

        def __getitem__(self, i):
            import torch

            return torch.from_numpy(pictures[i]).float().div(255)

    loader = DataLoader(Images(), batch_size=BATCH, shuffle=True)

    def epoch() -> float:
        total = 0.0
        for images in loader:
            x = images.flatten(1).to(device)
            total += ch.train_step(model, optimiser, x).item() * len(x)
        return total / len(pictures)

    return epoch


def graph_epoch(ch: SimpleNamespace, model, X) -> Callable:
    """An epoch that is one CUDA graph, captured once and replayed."""
    import torch

    optimiser = torch.optim.Adam(
        model.parameters(), lr=1e-3, fused=True, capturable=True
    )
    order = torch.arange(len(X), device=X.device)

    def steps(batches) -> "torch.Tensor":
        total = torch.zeros((), device=X.device)
        for at in batches:
            x = X[at]
            total += ch.train_step(model, optimiser, x) * len(x)
        return total / len(X)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        steps(order.split(BATCH)[:3])  # to warm up
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = steps(order.split(BATCH))

    def epoch() -> float:
        order.copy_(torch.randperm(len(X), device=X.device))
        graph.replay()
        return loss.item()

    return epoch


def vae(epochs: int = 5) -> dict:
    """Seconds and loss of the fastest of a few epochs, each way."""
    names: dict = {}
    sources = dict(code_cells(NOTEBOOKS["14"]))
    for cell in VAE_CELLS:
        exec(sources[cell], names)
    ch = SimpleNamespace(**names)
    import torch

    device = ch.default_device()
    X = ch.data.digits("train", device).images.flatten(1)

    def model():
        ch.seed_everything(0)
        return ch.VAE().to(device)

    usual = model()
    one, two = model(), model()
    adam = {m: torch.optim.Adam(m.parameters(), lr=1e-3) for m in (usual, one)}
    ways = {
        "image by image": per_image_epoch(ch, usual, adam[usual], device),
        "as in the chapter": lambda: ch.train_epoch(one, adam[one], X),
    }
    if device.type == "cuda":
        ways["one CUDA graph"] = graph_epoch(ch, two, X)
    found: dict = {"images": len(X), "device": device.type, "ways": {}}
    for name, epoch in ways.items():
        times = []
        for _ in range(epochs):
            start = time.perf_counter()
            loss = float(epoch())
            times.append(time.perf_counter() - start)
        found["ways"][name] = (min(times[1:]), loss)
    return found


def in_a_process(name: str, device: str, seconds: float, threads: int) -> dict:
    """Run one of them on a device, ``cpu`` or ``cuda``."""
    env = os.environ | {"BYHAND_DEVICE": device, "OMP_NUM_THREADS": str(threads)}
    env["MPLBACKEND"] = "agg"
    shared = ROOT.parent / "shared" / "data"
    for data in (ROOT / "shared" / "data", shared):
        if "BYHAND_DATA" not in env and (data / "MNIST" / "raw").is_dir():
            env["BYHAND_DATA"] = str(data)
    if device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, __file__, "--run", name]
    try:
        ended = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=max(1, seconds)
        )
    except subprocess.TimeoutExpired:
        return {"seconds": seconds, "failed": [f"not done after {seconds:.0f} s"]}
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if not lines:
        words = ended.stderr.strip().splitlines() or ["it said nothing"]
        return {"seconds": 0.0, "failed": [words[-1]]}
    return json.loads(lines[-1])


def report(name: str, gpu: dict | None, cpu: dict) -> None:
    """Print a row, and below it what failed."""
    there = f"{gpu['seconds']:8.1f}" if gpu else f"{'-':>8}"
    ratio = cpu["seconds"] / gpu["seconds"] if gpu and gpu["seconds"] else 0
    print(f"{name:6}{there}{cpu['seconds']:8.1f}{ratio:8.1f}", flush=True)
    for where, result in (("cuda", gpu), ("cpu", cpu)):
        for words in (result or {}).get("failed", []):
            print(f"       {where}: {words}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Print the table; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="at most, in all")
    parser.add_argument("--only", nargs="+", choices=[*NOTEBOOKS, "vae"])
    parser.add_argument("--run", choices=[*NOTEBOOKS, "vae"], help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        sys.path.insert(0, str(ROOT))
        stand_in()
        out = vae() if options.run == "vae" else run_notebook(options.run)
        print(json.dumps(out))
        return 0

    over = time.monotonic() + 60 * options.minutes
    import torch

    cuda = torch.cuda.is_available()
    what = torch.cuda.get_device_name() if cuda else "no GPU was seen"
    print(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}: {what}")
    print(f"missing, and replaced: {', '.join(stand_in()) or 'nothing'}")
    names = [n for n in options.only or [*NOTEBOOKS, "vae"] if n != "vae"]
    wants_vae = not options.only or "vae" in options.only
    cores = os.cpu_count() or 1
    at_once = max(1, cores // 4)
    threads = max(1, cores // at_once)

    def on(device: str, name: str) -> dict:
        return in_a_process(name, device, over - time.monotonic(), threads)

    sound = True
    best = on("cuda" if cuda else "cpu", "vae") if wants_vae else {}
    gpu = {name: on("cuda", name) for name in names} if cuda else {}
    with ThreadPoolExecutor(at_once) as pool:
        cpu = dict(zip(names, pool.map(lambda n: on("cpu", n), names), strict=True))
    print(f"{'':6}{'GPU s':>8}{'CPU s':>8}{'ratio':>8}")
    for name in names:
        report(name, gpu.get(name), cpu[name])
        sound &= not cpu[name]["failed"] and not gpu.get(name, {}).get("failed")
    if ways := best.get("ways"):
        usual = ways["image by image"][0]
        print(f"an epoch of the VAE, {best['images']:,} images, {best['device']}:")
        for name, (seconds, loss) in ways.items():
            print(
                f"  {name:20}{seconds:8.3f} s{usual / seconds:8.1f}×  loss {loss:.1f}"
            )
    elif wants_vae:
        sound = False
        print("the VAE failed:", *best.get("failed", []))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
