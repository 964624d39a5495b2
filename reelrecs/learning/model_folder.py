"""The models in a folder: whose they are, what state they are in, which may go."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reelrecs.config import FIXED, PROFILES
from reelrecs.errors import InvalidRequest, ModelError, StorageError
from reelrecs.scorer.model import FORMAT, ScoringModel
from reelrecs.store import arrow_file
from reelrecs.store.store import Store

GOOD, STALE, DAMAGED, OTHER = "good", "stale", "damaged", "of other data"
"""Of this very data; of a data set of this name with other content; unreadable or of another
version; of a data set of another name, so that nothing more can be said."""

HEAD = 1 << 16
"""Bytes at a file's beginning that hold the schema of any model."""

_KIND = FORMAT.partition("/")[0].encode()

UNUSABLE = (STALE, DAMAGED)
"""What `prune` removes: training again is the only use for such a file."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file; what it does not say is None."""

    file: str
    dataset: str | None
    profile: str | None
    created: str | None  # ISO 8601, UTC
    size: int  # bytes
    digest: str | None  # of the data it was trained on
    state: str

    def to_dict(self) -> dict[str, Any]:
        """The file as JSON has it."""
        return asdict(self)


def list_models(folder: Path, store: Store) -> list[ModelFile]:
    """The folder's models by name, judged against this data; files of other kinds are no models.

    A folder that is not there holds none. Raises StorageError for one that cannot be read.
    """
    if not folder.exists():
        return []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".arrow")
        found = [_examined(path, store) for path in paths if path.is_file()]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"cannot read {folder}: {reason}; give the folder of models with --models-dir"
        ) from error
    return [one for one in found if one is not None]


def prune_models(folder: Path, store: Store, dry_run: bool = False) -> list[ModelFile]:
    """Remove what no command could use with this data and return it; raises StorageError."""
    gone = [one for one in list_models(folder, store) if one.state in UNUSABLE]
    for one in gone if not dry_run else ():
        path = folder / one.file
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"cannot remove {path}: {reason}; make its folder writable"
            ) from error
    return gone


def _examined(path: Path, store: Store) -> ModelFile | None:
    """What the file is; None for one of another kind, such as a store or somebody's table."""
    metadata: dict[str, str] = {}
    with contextlib.suppress(arrow_file.NotReadable):
        _, metadata = arrow_file.read(path)
    dataset, digest = metadata.get("dataset"), metadata.get("digest")
    version = metadata.get("format")
    if path.name == model_path(store, path.parent).name and dataset in (None, store.name):
        state = _state(path, store, digest)
    elif version == FORMAT:
        state = _state(path, store, digest) if dataset == store.name else OTHER
    elif _KIND in (version or "").encode() or (version is None and _begins_as_model(path)):
        state = DAMAGED
    else:
        return None
    told = (dataset, metadata.get("profile"), metadata.get("created"))
    return ModelFile(path.name, *told, path.stat().st_size, digest, state)


def _state(path: Path, store: Store, digest: str | None) -> str:
    if digest is not None and digest != store.digest:
        return STALE
    try:
        ScoringModel.load(path, store)
    except ModelError:
        return DAMAGED
    return GOOD


def _begins_as_model(path: Path) -> bool:
    """Whether a file that cannot be read was to be a model; the schema stands in front."""
    with path.open("rb") as file:
        return _KIND in file.read(HEAD)


def load_model(store: Store, models_dir: Path, profile: str | None = None) -> ScoringModel:
    """The model of a profile; None: the trained one if it is there, else the fixed one.

    Raises ModelError for a trained model that is absent, damaged or of other data, and
    InvalidRequest for a profile that does not exist.
    """
    if profile not in (None, *PROFILES):
        raise InvalidRequest(f"no profile {profile!r}: choose from {', '.join(PROFILES)}")
    path = model_path(store, models_dir)
    if profile == FIXED or (profile is None and not path.exists()):
        return ScoringModel.fixed(store)
    return ScoringModel.load(path, store)


def model_path(store: Store, models_dir: Path) -> Path:
    """Where a data set's model stands: beside a store of that name, if need be, and not over it."""
    return models_dir / f"{store.name}.model.arrow"
