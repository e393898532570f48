"""What holds for all tests: how two processes share them out (`pytest -n 2`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

import grader  # noqa: F401  it leaves out a grammar that takes nbformat 2 s to load


class ByPage(LoadScopeScheduling):
    """All tests of one page of the book go to one worker, which visits it once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid[nodeid.find("[") :] if "test_pages.py" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)
