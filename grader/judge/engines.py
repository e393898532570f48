"""The engines that there are. A new one is a module beside this and an entry here."""

from collections.abc import Callable

from grader.errors import CourseError
from grader.judge.engine import Engine


def _local(walls: bool, scheduler: str | None) -> Engine:
    if scheduler:
        raise CourseError("--scheduler goes with --engine dask.")
    from grader.judge.local import Local

    return Local(walls)


def _dask(walls: bool, scheduler: str | None) -> Engine:
    if not scheduler:
        raise CourseError("--engine dask goes with --scheduler tcp://host:port.")
    from grader.judge.cluster import Dask

    return Dask(scheduler, walls)


# by the name that --engine takes: called with whether there is a sandbox, and --scheduler
ENGINES: dict[str, Callable[[bool, str | None], Engine]] = {
    "local": _local,
    "dask": _dask,
}
