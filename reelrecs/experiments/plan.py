"""What is compared: the arms of `experiments.toml`, and whose list is made by which."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from reelrecs.config import PROFILES
from reelrecs.constraints import Constraints
from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest

SPLIT, INTERLEAVE = "split", "interleave"

_ARM = {"name", "share", "profile", "model", "diversity", "filters", "constraints"}
_PLAN = {"name", "salt", "mode", "arms"}
_CONSTRAINTS = {"not_genres", "year_from", "year_to", "min_rating"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to make lists; what it does not say is as the service has it."""

    name: str
    share: float = 1.0  # of the people, beside the other arms' shares
    profile: str | None = None
    model: Path | None = None  # a model file, in place of a profile's
    diversity: float | None = None
    filters: tuple[str, ...] = ()
    constraints: Constraints | None = None

    def constrained(self, asked: Constraints | None) -> Constraints | None:
        """The arm's constraints and the person's; where both speak, the person is heard."""
        own = self.constraints
        if own is None or asked is None:
            return asked or own
        wanted = {genre.casefold() for genre in asked.genres}
        years = (asked.year_from, asked.year_to)
        if years == (None, None):
            years = (own.year_from, own.year_to)
        return replace(
            asked,
            not_genres=(
                *asked.not_genres,
                *(genre for genre in own.not_genres if genre.casefold() not in wanted),
            ),
            year_from=years[0],
            year_to=years[1],
            min_rating=own.min_rating if asked.min_rating is None else asked.min_rating,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment; everybody belongs to one arm for as long as name, salt and shares stay."""

    name: str
    arms: tuple[Arm, ...]
    mode: str = SPLIT
    salt: str = ""

    @property
    def shares(self) -> list[float]:
        """Of each arm, adding up to 1."""
        total = math.fsum(arm.share for arm in self.arms)
        return [arm.share / total for arm in self.arms]

    def arm_of(self, user_id: Id) -> int:
        """The place of a user's arm; by a hash alone, so every process says the same.

        A number and its digits are one user.
        """
        told = f"{self.name}\0{self.salt}\0{user_id}".encode("utf-8", "surrogatepass")
        place = int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) / 2**64
        ends = list(accumulate(self.shares))
        return next((arm for arm, end in enumerate(ends) if place < end), len(ends) - 1)


def read_plan(path: Path) -> Plan:
    """The plan of a file; raises InvalidRequest for what cannot be meant."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidRequest(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}; name a file for "
            "--experiments"
        ) from error
    except ValueError as error:
        raise InvalidRequest(f"{path} is no TOML: {error}; mend it") from error
    try:
        return _plan(document, path.parent)
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from error


def _plan(document: Mapping[str, Any], folder: Path) -> Plan:
    _refuse_unknown(document, _PLAN, "an experiment")
    tables = document.get("arms")
    if not isinstance(tables, list) or len(tables) < 2:
        raise InvalidRequest("an experiment compares arms: write two or more [[arms]]")
    arms = tuple(_arm(table, folder) for table in tables)
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise InvalidRequest("two arms have one name: give each its own")
    mode = document.get("mode", SPLIT)
    if mode not in (SPLIT, INTERLEAVE):
        raise InvalidRequest(f"mode {mode!r}: choose {SPLIT} or {INTERLEAVE}")
    if mode == INTERLEAVE and (len(arms) != 2 or len({arm.constraints for arm in arms}) > 1):
        raise InvalidRequest(f"mode {INTERLEAVE} takes two arms with the same constraints")
    salt = document.get("salt", "")
    if not isinstance(salt, str):
        raise InvalidRequest(f"salt {salt!r} is no text: put it in quotes")
    return Plan(_name(document, "the experiment"), arms, mode, salt)


def _arm(table: Any, folder: Path) -> Arm:
    if not isinstance(table, Mapping):
        raise InvalidRequest("an arm is a table: write [[arms]] above it")
    _refuse_unknown(table, _ARM, "an arm")
    name = _name(table, "an arm")
    share, diversity = table.get("share", 1.0), table.get("diversity")
    if not _number(share) or not 0 < share < math.inf:
        raise InvalidRequest(f"arm {name}: share {share!r}: give a number above 0")
    if diversity is not None and not (_number(diversity) and 0 <= diversity <= 1):
        raise InvalidRequest(f"arm {name}: diversity {diversity!r}: give a number from 0 to 1")
    profile, model = table.get("profile"), table.get("model")
    if profile is not None and (profile not in PROFILES or model is not None):
        raise InvalidRequest(
            f"arm {name}: profile {profile!r}: choose one of {', '.join(PROFILES)}, or give model"
        )
    if model is not None and not isinstance(model, str):
        raise InvalidRequest(f"arm {name}: model {model!r} is no path: put it in quotes")
    filters, wishes = table.get("filters", []), table.get("constraints")
    if not isinstance(filters, list) or not all(isinstance(one, str) for one in filters):
        raise InvalidRequest(f"arm {name}: filters is no list of names: write ['recency']")
    constraints = None
    if wishes is not None:
        if not isinstance(wishes, Mapping):
            raise InvalidRequest(f"arm {name}: constraints is no table: write {{year_from = 1990}}")
        _refuse_unknown(wishes, _CONSTRAINTS, f"constraints of arm {name}")
        constraints = Constraints(**wishes)
    path = None if model is None else folder / model
    return Arm(name, float(share), profile, path, diversity, tuple(filters), constraints)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _name(table: Mapping[str, Any], what: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not name or not (name.isascii() and name.isprintable()):
        raise InvalidRequest(f"{what} has no name of plain letters: write name = '...'")
    return name


def _refuse_unknown(table: Mapping[str, Any], known: set[str], what: str) -> None:
    for name in table:
        if name not in known:
            raise InvalidRequest(f"{what} has no {name!r}: choose from {', '.join(sorted(known))}")
