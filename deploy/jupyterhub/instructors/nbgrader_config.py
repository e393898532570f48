"""nbgrader's settings for instructors, wherever they start it: those of the course."""

import os
from pathlib import Path

ROOT = Path(os.environ["BYHAND_ROOT"])

c = get_config()  # noqa: F821 (given by traitlets)

if (ROOT / "nbgrader_config.py").exists():
    load_subconfig("nbgrader_config.py", path=str(ROOT))  # noqa: F821 (likewise)
