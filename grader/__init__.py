"""The auto-grader: release, collect, grade and return homeworks.

`python -m grader --help` lists what an instructor can do; `grader/README.md` is the
guide. nbgrader keeps the formats, the gradebook and the formgrader.
"""

import sys

# a grammar that takes a second to load, for a check of addresses that no notebook makes
sys.modules.setdefault("rfc3987_syntax", None)
