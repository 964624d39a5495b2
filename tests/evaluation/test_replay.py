"""Replay: each question sees what had arrived by then, and nothing else."""

import numpy as np
import pytest

from reelrecs.cli import run
from reelrecs.errors import DataError
from reelrecs.evaluation.replay import WAYS, replay, replay_report
from reelrecs.store.store import Store
from tests.worlds import Triple, store_of


def fashion(users: int, seed: int) -> list[Triple]:
    """Everybody rates what everybody rates just now; in the second half all that is new."""
    rng = np.random.default_rng(seed)
    triples: list[Triple] = []
    for step in range(30):
        in_fashion = 1 + step * 4 + np.arange(8)
        for user in rng.permutation(np.arange(1, users + 1)):
            movie = int(rng.choice(in_fashion))
            if (user, movie) not in {(u, m) for u, m, _ in triples[-users * 3 :]}:
                triples.append((int(user), movie, float(rng.integers(6, 11)) / 2))
    return list({(u, m): (u, m, s) for u, m, s in triples}.values())


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(fashion(40, 1), movie_count=130)


def test_what_arrives_is_used_and_the_frozen_store_falls_behind(store: Store) -> None:
    found = replay(store, k=10, questions=60, parts=2)
    assert set(found.hits) == set(WAYS)
    assert found.arrived == store.rating_count - round(store.rating_count / 2)
    assert len(found.tenths) == 60
    assert set(found.tenths) == {0, 1}
    assert not found.newcomers.any()
    means = {way: hits.mean() for way, hits in found.hits.items()}
    assert means["live"] > means["frozen"] + 0.3
    report = replay_report(found)
    assert [row[0] for row in report.csv.rows] == list(WAYS)
    assert report.json["ways"][1]["HR@10"] == means["live"]


def test_data_of_one_moment_cannot_be_replayed() -> None:
    with pytest.raises(DataError, match="no split by time"):
        replay(store_of([(1, 1, 4.0)]))


def test_the_command_line_asks_for_it_alone(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["evaluate", "--protocol", "replay", "--systems", "learned"]
    assert run(ask) == 2
    assert "--systems does not go with replay" in capsys.readouterr().err
