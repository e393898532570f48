"""What became of one submission; `grader.commands` makes sentences of it."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

# what is noted at the top of a graded notebook
NO_WALLS = "graded without a sandbox"
NOT_RUN = "nothing was run: outputs are as they were handed in"


class Status(Enum):
    """What was done with a submission."""

    COLLECTED = auto()
    REPLACED = auto()  # an earlier one, which is kept
    UNCHANGED = auto()  # it was there already
    NOT_COLLECTED = auto()
    ABSENT = auto()  # on the list, and handed in nothing
    GRADED = auto()
    GRADED_BEFORE = auto()  # and nothing has changed
    NO_FEEDBACK = auto()  # graded, but the page could not be written
    NOT_GRADED = auto()


FAILED = {Status.NOT_COLLECTED, Status.NO_FEEDBACK, Status.NOT_GRADED}


@dataclass(frozen=True)
class Outcome:
    """What became of one submission.

    Args:
        student: whose it is.
        status: what was done with it.
        points, most: its points, and how many there are; None: it has none (yet).
        reason: why it failed.
        note: what else there is to say of it.
        earlier: where the submission is kept that it replaces.
        by_hand: how many parts a person marks.
        repaired: how many things in the notebook were put right.
    """

    student: str
    status: Status
    points: float | None = None
    most: float | None = None
    reason: str = ""
    note: str = ""
    earlier: Path | None = None
    by_hand: int = 0
    repaired: int = 0

    @property
    def ok(self) -> bool:
        return self.status not in FAILED
