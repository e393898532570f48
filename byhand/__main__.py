"""The students' commands: ``byhand validate hw1_backprop.ipynb``."""

import argparse
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run one command of the command line, or of ``argv``; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="byhand", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    verb = verbs.add_parser(
        "validate",
        help="run a homework from top to bottom, and say whether it is fit to hand in",
    )
    verb.add_argument("notebook", type=Path, help="e.g. hw1_backprop.ipynb")
    verb.add_argument(
        "--seconds", type=float, default=120, help="that one cell may take (120)"
    )
    options = parser.parse_args(argv)
    from byhand import validate  # it imports much that --help does without

    return validate.main(options.notebook, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
