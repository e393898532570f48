"""What the judge finds of one submission."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Verdict:
    """What the judge found.

    Args:
        outputs: for each cell what it shows, as a notebook holds it: what the student's
            cells have shown, and of a test that earned nothing what is wrong.
        notes: what the instructor should know.
        seconds: CPU time of the student's room and of the tests.
        timed_out: something took too long: such a verdict is not remembered.
        again: and that for want of a processor: it is to be judged once more.
    """

    outputs: list[list[dict[str, Any]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    timed_out: bool = False
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> "Verdict":
        """Raises TypeError: it was kept by a version that knew other fields."""
        return cls(**found)
