"""What makes the commands start sooner leaves out nothing that is needed."""

import gc
import sys
from types import ModuleType

import pytest
from nbgrader import api
from sqlalchemy import text

from grader import startup
from grader.course.course import Course


def test_without_the_grammar_of_addresses(monkeypatch):
    monkeypatch.delitem(sys.modules, "rfc3987_syntax", raising=False)
    startup.without_address_grammar()
    with pytest.raises(ImportError):
        import rfc3987_syntax  # noqa: F401
    import jsonschema
    import nbformat

    nbformat.validate(nbformat.v4.new_notebook())
    with pytest.raises(jsonschema.ValidationError):
        nbformat.validate(nbformat.from_dict({"cells": 5}))


def test_a_grammar_that_is_there_stays(monkeypatch):
    grammar = ModuleType("rfc3987_syntax")
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", grammar)
    startup.without_address_grammar()
    assert sys.modules["rfc3987_syntax"] is grammar


def test_without_the_servers_extensions(monkeypatch):
    name = "nbgrader.server_extensions.formgrader"
    monkeypatch.delitem(sys.modules, name, raising=False)
    startup.without_server_extensions()
    stub = sys.modules[name]
    assert stub.load_jupyter_server_extension is None  # which is all that is imported
    startup.without_server_extensions()
    assert sys.modules[name] is stub


def test_a_new_gradebook_has_the_newest_version(tmp_path, monkeypatch):
    """The one that the program `alembic` would have found, without starting it."""

    def started(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", started)
    with Course(tmp_path / "course").gradebook() as gradebook:
        found = gradebook.db.execute(text("select version_num from alembic_version"))
        assert found.scalar_one() == api.get_alembic_version() != ""


@pytest.mark.parametrize("error", [None, ImportError])
def test_the_search_for_garbage_goes_on_afterwards(error):
    assert gc.isenabled()
    before = gc.get_freeze_count()
    try:
        with startup.no_search_for_garbage():
            assert not gc.isenabled()
            kept = [[] for _ in range(1000)]
            if error:
                raise error
    except ImportError:
        pass
    assert gc.isenabled()
    assert gc.get_freeze_count() > before + 900
    gc.unfreeze()
    assert len(kept) == 1000
