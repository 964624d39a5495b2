"""A batch in parts: every user in exactly one, whoever writes it, and together the whole."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.batch import Shard, job_of, write_job, write_lists
from reelrecs.cli import run
from reelrecs.constraints import Constraints
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound


@given(id_=st.integers(-(2**63), 2**63 - 1) | st.text(), parts=st.integers(1, 50))
def test_everybody_is_in_one_shard(id_: int | str, parts: int) -> None:
    assert sum(Shard(number, parts).holds(id_) for number in range(1, parts + 1)) == 1
    number_and_text = (Shard(1, parts).holds(one) for one in (id_, str(id_)))
    assert len(set(number_and_text)) == 1


def test_shards_are_the_same_for_ever() -> None:
    """Other versions and machines must agree: these are xxHash64 of the id's text, modulo 4."""
    found = {id_: [Shard(n, 4).holds(id_) for n in range(1, 5)].index(True) for id_ in (1, 2, 15)}
    assert found == {1: 0, 2: 3, 15: 0}
    assert [Shard(n, 4).holds("né") for n in range(1, 5)].index(True) == 1


def test_the_shards_together_are_the_file_of_one_machine(
    sample_engine: Engine, tmp_path: Path
) -> None:
    whole = tmp_path / "lists.parquet"
    users = list(sample_engine.store.user_ids)[:120]
    write_lists(sample_engine, whole, 7, users)
    parts = []
    for number in range(1, 4):
        shard = Shard(number, 3)
        job = job_of(sample_engine, 7, users, shard=shard)
        path = shard.path(whole)
        done = write_job(sample_engine, path, job)
        once = path.read_bytes()
        write_job(sample_engine, path, job)
        assert path.read_bytes() == once, "writing it again changes nothing"
        parts.append(pq.read_table(path))
        assert done.users == len(set(parts[-1]["user_id"].to_pylist())) > 20
    together = pa.concat_tables(parts).sort_by([("user_id", "ascending"), ("rank", "ascending")])
    assert together.equals(pq.read_table(whole))


def test_a_shard_may_be_empty(sample_engine: Engine, tmp_path: Path) -> None:
    job = job_of(sample_engine, 5, [1], shard=Shard(2, 4))
    assert list(job.users) == []
    for name in ("none.parquet", "none.csv", "none.jsonl"):
        assert write_job(sample_engine, tmp_path / name, job).users == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_job_keeps_to_constraints_and_its_moment(sample_engine: Engine, tmp_path: Path) -> None:
    wanted = Constraints(genres=["Western"], include_seen=True, deny=[1201])
    as_of = int(sample_engine.store.by_user.times[40])
    job = job_of(sample_engine, 9, [15, 3], as_of=as_of, constraints=wanted)
    path = tmp_path / "lists.parquet"
    write_job(sample_engine, path, job)
    rows = pq.read_table(path).to_pylist()
    assert [(row["user_id"], row["movie_id"], row["score"]) for row in rows] == [
        (user, item.movie.movie_id, item.score)
        for user in (15, 3)
        for item in sample_engine.recommend(user, 9, as_of=as_of, constraints=wanted)
    ]
    with pytest.raises(NotFound, match="no movie 99999999"):
        job_of(sample_engine, 9, constraints=Constraints(deny=[99999999]))


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "4", "1/", "/4", "a/b", "-1/4", "1/4/4"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(InvalidRequest, match="as 2/4"):
        Shard.parse(text)


def test_the_command_names_the_shard_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    users = tmp_path / "users.txt"
    users.write_text("1\n2\n15\n")
    arguments = ["batch", "--output", "lists.csv", "--users", "users.txt", "--limit", "3"]
    wanted = ["--genre", "western", "--year-to", "1980", "--shard", "4/4"]
    assert run([*arguments, *wanted]) == 0
    assert capsys.readouterr().out == "lists.4-of-4.csv\n"
    lines = (tmp_path / "lists.4-of-4.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["2"] * 3
    assert run([*arguments, "--shard", "2"]) == 2
    assert "write the second of four as 2/4" in capsys.readouterr().err
