"""One book on every machine: build and homeworks as other machines would compute them.

``python -m benchmarks.machines [--only AVX2 …] [--what book offline homeworks]``

PyTorch chooses its code by the processor, sums in another order with another number of
threads, and takes longer where something else is at work. Each row is one such machine:
the chapters on MNIST (``book/build.py --all``), the chapters offline, and every known
solution of the homeworks, all of which must end as they do here. An hour and more; what
is said goes to ``_build/machines/``.
"""

import argparse
import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "_build" / "machines"
MACHINES: dict[str, dict[str, str]] = {
    "as it is": {},
    "no vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "oneDNN up to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "busy": {},
}
WHAT = {
    "book": [sys.executable, "book/build.py", "--all"],
    "offline": [sys.executable, "-m", "pytest", "-q", "tests/test_chapters.py"],
    "homeworks": [sys.executable, "-m", "pytest", "-q", "tests/test_homeworks.py"],
}
FAILED = re.compile(r"^(?:FAILED \S+::(\S+)|(\S+\.ipynb) failed:)", re.M)


def _spin() -> None:
    while True:
        pass


@contextlib.contextmanager
def _kept_busy(wanted: bool) -> Iterator[None]:
    """As many processes as there are processors, which do nothing but compute."""
    count = os.cpu_count() or 1 if wanted else 0
    busy = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()


def run(machine: str, what: str) -> str:
    """Run one part on one kind of machine; how it ended, in words."""
    log = LOGS / f"{machine} {what}.txt".replace(" ", "-")
    start = time.monotonic()
    # what torch.compile has made for one processor is wrong on another
    with tempfile.TemporaryDirectory() as cache, _kept_busy(machine == "busy"):
        env = os.environ | MACHINES[machine] | {"TORCHINDUCTOR_CACHE_DIR": cache}
        with log.open("w") as file:
            command = WHAT[what]
            ended = subprocess.run(command, cwd=ROOT, env=env, stdout=file, stderr=file)
    minutes = f"{(time.monotonic() - start) / 60:.1f} min"
    if ended.returncode == 0:
        return f"passed in {minutes}"
    failed = [a or b for a, b in FAILED.findall(log.read_text(errors="replace"))]
    return f"FAILED in {minutes}: {', '.join(failed) or 'see ' + str(log)}"


def main(argv: list[str] | None = None) -> int:
    """Run all that is asked for; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=MACHINES, default=list(MACHINES))
    parser.add_argument("--what", nargs="+", choices=WHAT, default=list(WHAT))
    options = parser.parse_args(argv)
    LOGS.mkdir(parents=True, exist_ok=True)
    sound = True
    for machine in options.only:
        for what in options.what:
            words = run(machine, what)
            sound &= words.startswith("passed")
            print(f"{machine:20} {what:10} {words}", flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
