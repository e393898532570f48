"""The students' repository, written from the instructors': ``python -m publish FOLDER``."""
