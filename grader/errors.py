"""What ends a run with a message to the instructor."""


class CourseError(Exception):
    """Something that the instructor has to put right; the message says how."""


class SandboxError(Exception):
    """The sandbox cannot be set up; the message says what to do."""
