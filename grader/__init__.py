"""The auto-grader: release, collect, grade and return homeworks.

`python -m grader --help` lists what an instructor can do; `grader/README.md` is the
guide. nbgrader keeps the formats, the gradebook and the formgrader.
"""
