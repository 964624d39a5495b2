"""The models in a folder: whose they are, what state they are in, which may go."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reelrecs.config import FIXED, PRETRAINED, PROFILES
from reelrecs.errors import InvalidRequest, ModelError, StorageError
from reelrecs.learning.later_data import OtherData, age_of
from reelrecs.learning.model_file import FORMAT, load_model_file
from reelrecs.learning.pretrained import pretrained_model
from reelrecs.scorer.model import ScoringModel
from reelrecs.store import arrow_file
from reelrecs.store.file_memory import Identity, identity
from reelrecs.store.names import safe_name
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

GOOD, OLDER, STALE, DAMAGED, OTHER = "good", "older", "stale", "damaged", "of other data"
"""Of this very data; of an earlier state of it, which serves as well; of a data set of this name
that it cannot serve; unreadable or of another version; of a data set of another name, so that
nothing more can be said."""

SUFFIX = ".model.arrow"
"""Ends the name of a model, so that it may stand beside a store of the same name."""

HEAD = 1 << 16
"""Bytes at a file's beginning that hold the schema of any model."""

_KIND = FORMAT.partition("/")[0].encode()

UNUSABLE = (STALE, DAMAGED)
"""What `prune` removes in any case: training again is the only use for such a file."""


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
    with _reading(folder):
        if not folder.exists():
            return []
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".arrow")
        found = [_examined(path, store) for path in paths if path.is_file()]
    return [one for one in found if one is not None]


def prune_models(folder: Path, store: Store, dry_run: bool = False) -> list[ModelFile]:
    """Remove what no command would use with this data and return it; raises StorageError.

    That is what cannot be used, and older models than the one that is.
    """
    used = find_model(store, folder)
    gone = [
        one
        for one in list_models(folder, store)
        if one.state in UNUSABLE
        or (one.state == OLDER and used is not None and one.file != used.name)
    ]
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


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turn what the system says of a folder that cannot be read into StorageError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"cannot read {folder}: {reason}; give the folder of models with --models-dir"
        ) from error


def _examined(path: Path, store: Store) -> ModelFile | None:
    """What the file is; None for one of another kind, such as a store or somebody's table."""
    metadata: dict[str, str] = {}
    with contextlib.suppress(arrow_file.NotReadable):
        _, metadata = arrow_file.read(path)
    dataset, digest = metadata.get("dataset"), metadata.get("digest")
    version = metadata.get("format")
    if _is_named_after(path, store) and dataset in (None, store.name):
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
    older = digest is not None and digest != store.digest
    try:
        load_model_file(path, store)
    except OtherData:
        return STALE
    except ModelError:
        return DAMAGED
    return OLDER if older else GOOD


def _begins_as_model(path: Path) -> bool:
    """Whether a file that cannot be read was to be a model; the schema stands in front."""
    with path.open("rb") as file:
        return _KIND in file.read(HEAD)


def load_model(
    store: Store, models_dir: Path, profile: str | None = None, quiet: bool = False
) -> ScoringModel:
    """The model of a profile; None: the trained one if it is there, else the pretrained one.

    One of an earlier state of the data serves, and unless `quiet` a log line says how old it is.
    Raises ModelError for a trained model that is absent, damaged or of other data, and
    InvalidRequest for a profile that does not exist.
    """
    check_profile(profile)
    if profile == FIXED:
        return ScoringModel.fixed(store)
    path = find_model(store, models_dir)
    if profile == PRETRAINED or (path is None and profile is None):
        return pretrained_model(store)
    model = load_model_file(path or model_path(store, models_dir), store)
    age = age_of(model)
    if age is not None and not quiet:
        log.warning(f"the model of {model.origin.created[:10]} is older than {store.name}: {age}")
    return model


def check_profile(profile: str | None) -> None:
    """Raise InvalidRequest unless there is such a profile; None leaves the choice to the models."""
    if profile not in (None, *PROFILES):
        raise InvalidRequest(f"no profile {profile!r}: choose from {', '.join(PROFILES)}")


def model_path(store: Store, models_dir: Path) -> Path:
    """Where a data set's model is written: by its name, and by a digest of what it holds.

    So two data sets of one name keep a model each, one that has changed does not lose its last,
    and no name leads out of the folder.
    """
    told = f"{store.name}\0{store.digest}".encode()
    mark = hashlib.blake2b(told, digest_size=4).hexdigest()
    return models_dir / f"{safe_name(store.name)}-{mark}{SUFFIX}"


def refused_path(store: Store, models_dir: Path) -> Path:
    """Where a model is kept aside that turned out worse than the one in use: the last one such."""
    return models_dir / f"{safe_name(store.name)}.refused.arrow"


def find_model(store: Store, models_dir: Path) -> Path | None:
    """The model of this very data; else the newest named after the data set that can serve it.

    Else the newest named after it, which cannot: who opens it is told why, and nobody gets the
    fixed profile in silence because data has changed. Else None.
    """
    exact = model_path(store, models_dir)
    with _reading(models_dir):
        if exact.exists():
            return exact
    named = list(named_models(store, models_dir))
    return next((path for path in named if _serves(path, store)), named[0] if named else None)


def named_models(store: Store, models_dir: Path) -> dict[Path, Identity]:
    """The files that are named after the data set and the state of each, the newest first.

    None of them is read. Raises StorageError for a folder that cannot be read.
    """
    found: dict[Path, Identity] = {}
    with _reading(models_dir):
        for path in models_dir.glob(f"*{SUFFIX}"):
            if _is_named_after(path, store):
                with contextlib.suppress(FileNotFoundError):  # removed just now
                    found[path] = identity(path)
    newest = sorted(found, key=lambda path: (found[path].modified, path.name), reverse=True)
    return {path: found[path] for path in newest}


def _serves(path: Path, store: Store) -> bool:
    try:
        load_model_file(path, store)
    except ModelError:
        return False
    return True


def _is_named_after(path: Path, store: Store) -> bool:
    """Whether the file has this data set's name, with any digest or, as once was usual, none."""
    name = re.escape(safe_name(store.name))
    return re.fullmatch(rf"{name}(-[0-9a-f]{{8}})?{re.escape(SUFFIX)}", path.name) is not None
