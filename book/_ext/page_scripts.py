"""The scripts of a page's head, as Sphinx hands them to `html-page-context`.

`context["script_files"]` holds strings and objects of a class that Sphinx 7.4.7 keeps
to itself, `sphinx.builders.html._assets._JavaScript`: there is no public name for it,
and no public way to change a script that another extension added. Should Sphinx move
or rename the class, the import below fails, and this file is all there is to mend.
"""

from sphinx.builders.html._assets import _JavaScript


def attributes(script: object) -> dict[str, str]:
    """Return the attributes of a script's tag; none if it is but a string."""
    return script.attributes if isinstance(script, _JavaScript) else {}


def file_name(script: object) -> str:
    """Return the file that a script is loaded from; "" if there is none to tell."""
    if isinstance(script, _JavaScript) and script.filename:
        return str(script.filename)
    return ""


def with_attributes(script: object, **more: str) -> object:
    """Return the same script with further attributes; a string stays what it is."""
    if not isinstance(script, _JavaScript):
        return script
    both = script.attributes | more
    return _JavaScript(script.filename, priority=script.priority, **both)
