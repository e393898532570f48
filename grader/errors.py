"""All that can be said to be wrong, but for two that cross the wall with the messages:
`grader.wire.codec.WireError` and `grader.wire.messages.NotAllowed`.
"""


class CourseError(Exception):
    """Something that the instructor has to put right; the message says how. Ends the run."""


class NotReleased(CourseError):
    """A homework is not in the gradebook."""


class SandboxError(Exception):
    """The sandbox cannot be set up; the message says what to do. Ends the run."""


class Refused(Exception):
    """A file or folder that cannot be taken; the message says why. Concerns one student."""


class NotTheirs(Refused):
    """What lies there is not the work of the student in its name."""


class Unreadable(Refused):
    """This is no notebook that can be graded; the message says why."""


class NoAnswer(Exception):
    """A room's keeper does not answer, by no fault of the student's: to be tried again."""


class UsedInCells(Exception):
    """A cell of the student's, in a strict room, uses what only tests forbid."""


class Lost(Exception):
    """There is no room any more; the message says why, for the student."""
