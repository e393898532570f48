"""How the tests are shared out where several run at a time (`pytest -n 2`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

from grader import startup

# as the grader's own commands do: seconds of every process that runs tests
startup.without_address_grammar()
startup.without_server_extensions()


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long; left out by -m 'not slow'")


@pytest.fixture(scope="session")
def forked_grader():
    """Commands of this repository's grader, without its imports each time."""
    from tests.support.runs import Grader

    with Grader() as grader:
        yield grader


@pytest.fixture(scope="session")
def project_copy(tmp_path_factory):
    """A copy of the project with homework 1, without its forbidden calls, and a tiny one."""
    from tests.support import copy_of_the_project as project
    from tests.support.submissions import HW

    folder = tmp_path_factory.mktemp("copy")
    return project.make(folder, project.LIMITS, (HW,))


@pytest.fixture(scope="session")
def copied_grader(project_copy):
    """Commands of the grader in that copy, without its imports each time."""
    from tests.support import copy_of_the_project as project
    from tests.support.runs import Grader

    with Grader(project_copy, project.environment()) as grader:
        yield grader


@pytest.fixture(scope="session")
def undisturbed(copied_grader, tmp_path_factory):
    """The course folder after a class of four has been graded there."""
    from tests.support import copy_of_the_project as project
    from tests.support.course_folder import marks

    course = project.enrol(tmp_path_factory.mktemp("undisturbed") / "course")
    result = copied_grader(course, "grade", project.TINY)
    assert marks(course, project.TINY) == project.EXPECTED, result.said
    return course


@pytest.fixture
def html(tmp_path) -> str:
    """A page with something of everything, as students get it back."""
    from tests.support.pages import page_in

    return page_in(tmp_path / "course")


class ByPage(LoadScopeScheduling):
    """All tests of one page of the book go to one worker, which visits it once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid[nodeid.find("[") :] if "test_pages.py" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)
