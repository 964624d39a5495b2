"""What a person may say of their files; whatever is not said is found out."""

from __future__ import annotations

from dataclasses import dataclass, field

from reelrecs.datasets.feedback import Feedback


@dataclass(frozen=True, slots=True)
class FileChoices:
    """Of one file: its columns by role ("user", "item", ...), and how its text is written."""

    columns: dict[str, str] = field(default_factory=dict)  # role to the column's name or number
    separator: str | None = None
    header: bool | None = None  # False: the first line is data
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """Of a data set."""

    ratings: FileChoices = FileChoices()
    movies: FileChoices = FileChoices()
    feedback: Feedback | None = None
    highest: float | None = None  # the most stars there are
