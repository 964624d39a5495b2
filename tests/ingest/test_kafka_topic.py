"""A Kafka topic, against the mock cluster that librdkafka brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reelrecs.engine import Engine
from reelrecs.errors import DataError
from reelrecs.ingest.kafka_topic import KafkaTopic
from reelrecs.ingest.run import Ingest
from tests.ingest.test_run import logged_users

confluent_kafka = pytest.importorskip("confluent_kafka")

TOPIC = "ratings"


class Cluster:
    """A cluster in this process, and what writes to it."""

    def __init__(self) -> None:
        self._producer = confluent_kafka.Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0}
        )
        broker = next(iter(self._producer.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        self.count = 0

    def send(self, *values: bytes | None) -> None:
        for value in values:
            self._producer.produce(TOPIC, value, partition=self.count % 3)
            self.count += 1
        assert self._producer.flush(10) == 0

    def ratings(self, count: int) -> None:
        self.send(
            *(
                json.dumps({"user": 1000 + self.count + at, "movie": 1, "rating": 4}).encode()
                for at in range(count)
            )
        )

    def topic(self, **choices: Any) -> KafkaTopic:
        return KafkaTopic(f"{self.address}/{TOPIC}", follow=False, **choices)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_every_record_is_kept_once_however_often_it_is_read(mine: Path, cluster: Cluster) -> None:
    cluster.ratings(25)
    with Engine.open(mine) as engine:
        assert ingested(engine, cluster.topic()) == 25
        assert ingested(engine, cluster.topic()) == 0
        cluster.ratings(10)
        assert ingested(engine, cluster.topic()) == 10
        assert sorted(logged_users(mine)) == list(range(1000, 1035))


def test_killed_between_two_records_it_goes_on_there(mine: Path, cluster: Cluster) -> None:
    """Records that were taken and not written are taken again."""
    cluster.ratings(25)
    with Engine.open(mine) as engine:
        topic = cluster.topic()
        taken = [record for record in topic.records(None) if record is not None]
        assert len(taken) == 25
        assert ingested(engine, cluster.topic()) == 25


def test_a_bad_record_is_named_and_met_again(mine: Path, cluster: Cluster) -> None:
    cluster.send(b'{"user": 900, "movie": 1, "rating": 4}', None, None, b"nonsense", b"\xff")
    with Engine.open(mine) as engine:
        for _ in range(2):
            with pytest.raises(DataError, match=r"ratings, partition [01], offset [01]: "):
                ingested(engine, cluster.topic())
        reading = Ingest(engine, cluster.topic(), skip=True)
        reading.run()
        assert reading.skipped == 2
        assert ingested(engine, cluster.topic()) == 0
    assert logged_users(mine) == [900]


def test_records_that_are_gone_are_said(cluster: Cluster) -> None:
    cluster.ratings(6)
    beyond = json.dumps({"0": 2, "1": 5, "2": 1})
    with pytest.raises(DataError, match=r"partition 1 was read up to offset 5, .* have 0 to 2"):
        list(cluster.topic().records(beyond))
    records = cluster.topic(accept_gap=True).records(beyond)
    assert len([record for record in records if record is not None]) == 3


def test_who_is_away_and_what_is_unknown_is_one_line(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("reelrecs.config.KAFKA_SECONDS", 1.0)
    with pytest.raises(DataError, match=r"cannot read kafka://127\.0\.0\.1:1/x: "):
        KafkaTopic("127.0.0.1:1/x", follow=False)


def ingested(engine: Engine, topic: KafkaTopic) -> int:
    reading = Ingest(engine, topic)
    reading.run()
    return reading.kept
