"""Write what students and readers may have into a folder, e.g. a clone of the public
repository. What was written before and is no longer part of it is removed; nothing
else in the folder is touched, and nothing is committed."""

import argparse
import sys
from pathlib import Path

from publish.leaks import Secrets
from publish.tree import ROOT, PublishError, public_files, without, write


def main(argv: list[str] | None = None) -> int:
    """Publish into a folder; 1 if something private would have been written, 2: misuse."""
    parser = argparse.ArgumentParser(prog="python -m publish", description=__doc__)
    parser.add_argument("folder", type=Path, help="new, or what was published before")
    parser.add_argument(
        "--overwrite", action="store_true", help="files of others that are in the way"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="HOMEWORK",
        help="one that students are to get later, e.g. hw3_training",
    )
    options = parser.parse_args(argv)
    try:
        files = public_files(ROOT)
        for homework in options.without:
            files = without(files, homework)
        leaks = Secrets.of(ROOT).found_in(files)
        if leaks:
            print("Nothing was published: this would be read by students.")
            print("\n".join(f"  {leak}" for leak in leaks))
            return 1
        changed = write(files, options.folder, options.overwrite)
    except PublishError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(files)} files in {options.folder}, {changed} of them new or changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
