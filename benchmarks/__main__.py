"""Run benchmarks: ``python -m benchmarks [NAME…]``; all of them without a name.

A benchmark NAME is a file ``bench_NAME.py`` in this folder with a ``main()``.
"""

import argparse
import importlib
from pathlib import Path

NAMES = sorted(p.stem[6:] for p in Path(__file__).parent.glob("bench_*.py"))


def main(argv: list[str] | None = None) -> None:
    """Run the named benchmarks one after another."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure, beside a rival, in one run."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; default: all"
    )
    names = parser.parse_args(argv).names or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(
            f"no benchmark {', '.join(unknown)}: choose from {', '.join(NAMES)}"
        )
    for name in names:
        importlib.import_module(f"benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main()
