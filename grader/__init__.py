"""The auto-grader: release, collect, grade and return homeworks.

`python -m grader --help` lists what an instructor can do; `grader/README.md` is the
guide, `ARCHITECTURE.md` the map. nbgrader keeps the formats, the gradebook and the
formgrader. This file stays empty: it is mounted in the sandbox, beside students' code.
"""
