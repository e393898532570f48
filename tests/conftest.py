"""How the tests are shared out where several run at a time (`pytest -n 2`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

# -- instructors only
from grader import startup

# as the grader's own commands do: seconds of every process that runs tests
startup.without_address_grammar()
startup.without_server_extensions()

# -- for all
# Files, and a folder, that `-m "not slow"` leaves out, unread: what they import takes long,
# too. Single tests of other files are marked there.
SLOW = {
    "figures": "figures, in a browser",
    "test_build.py": "books are built",
    "test_chapters.py": "all chapters run",
    "test_pages.py": "the book is built, and read in a browser",
    # -- instructors only
    "test_attacks.py": "the grader, on 150 hostile submissions",
    "test_collect.py": "the grader and nbgrader's exchange",
    "test_engines.py": "the grader, on each engine",
    "test_course_loop.py": "the grader, on a class of ten",
    "test_entries.py": "the grader, on entries of all kinds",
    "test_faults.py": "the grader, again and again, while something breaks",
    "test_feedback.py": "the grader, and nbgrader's own feedback",
    "test_forbidden_calls.py": "the grader, on 100 who do what is forbidden",
    "test_habits.py": "the grader, on 250 who write what people write",
    "test_homeworks.py": "homeworks, on all that is known to be wrong or right",
    "test_installed.py": "the grader, from a wheel",
    "test_jupyterhub.py": "JupyterHub, with servers of three people",
    "test_practice.py": "networks of homeworks",
    "test_project.py": "the grader, on reports",
    "test_publish.py": "all that is published is searched",
    "test_quiet_end.py": "processes that are ended while they start",
    "test_release.py": "all homeworks are released",
    "test_report.py": "the grader, and its page in a browser",
    "test_sandbox.py": "the sandbox",
    "test_tls.py": "a Dask cluster",
    "test_validate.py": "kernels that run homeworks",
    # -- for all
}


def pytest_ignore_collect(collection_path, config):
    if config.option.markexpr == "not slow" and collection_path.name in SLOW:
        return True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if {item.path.name, item.path.parent.name} & SLOW.keys():
            item.add_marker("slow")


# -- instructors only
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
    from tests.support.class_of_four import EXPECTED, enrol
    from tests.support.copy_of_the_project import TINY
    from tests.support.course_folder import marks

    course = enrol(tmp_path_factory.mktemp("undisturbed") / "course")
    result = copied_grader(course, "grade", TINY)
    assert marks(course, TINY) == EXPECTED, result.said
    return course


@pytest.fixture
def html(tmp_path) -> str:
    """A page with something of everything, as students get it back."""
    from tests.support.pages import page_in

    return page_in(tmp_path / "course")


# -- for all


class ByPage(LoadScopeScheduling):
    """All tests of one page of the book go to one worker, which visits it once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid[nodeid.find("[") :] if "test_pages.py" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)
