"""How the tests are shared out where several run at a time (`pytest -n 2`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByPage(LoadScopeScheduling):
    """All tests of one page of the book go to one worker, which visits it once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid[nodeid.find("[") :] if "test_pages.py" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)
