"""A Kafka topic, read on from where the log says that reading ended.

How far each partition has been read is kept with the ratings, not with the brokers: so there is one
truth, and no moment at which only one of the two knows.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from reelrecs import config
from reelrecs.datasets.imports.arriving import ArrivingLines
from reelrecs.errors import DataError, InvalidRequest, one_line
from reelrecs.ingest.source import Record, lines_of, parsed

if TYPE_CHECKING:
    from confluent_kafka import Consumer

log = logging.getLogger(__name__)


class KafkaTopic:
    """Messages of all partitions, each one line: csv without a header, or a JSON object.

    A message without a value says nothing. The topic is known by its cluster, whichever of its
    brokers is named.
    """

    def __init__(self, named: str, follow: bool, accept_gap: bool = False) -> None:
        brokers, _, topic = named.partition("/")
        if not brokers or not topic or "/" in topic:
            raise InvalidRequest(f"kafka://{named}: write kafka://HOST:PORT/TOPIC")
        if importlib.util.find_spec("confluent_kafka") is None:
            raise InvalidRequest(
                "kafka:// needs the package confluent-kafka: pip install 'reelrecs[kafka]'"
            )
        self._topic, self._follow, self._accept_gap = topic, follow, accept_gap
        self._shown = f"kafka://{named}"
        self._consumer = self._made(brokers)
        self._next: dict[str, int] = {}  # what comes next of each partition, by its number as text
        self._assigned: set[int] = set()
        self._ended: set[int] = set()  # partitions of which all was read by now
        self.name = f"kafka://{self._metadata().cluster_id}/{topic}"

    def records(self, position: str | None) -> Generator[Record | None, None, None]:
        """See `Source`."""
        self._next = {} if position is None else json.loads(position)
        reader = lines_of(self._topic)
        try:
            looked = -config.PARTITIONS_SECONDS
            while self._follow or not self._ended or self._ended < self._assigned:
                if time.monotonic() - looked >= config.PARTITIONS_SECONDS:
                    self._assign()
                    looked = time.monotonic()
                for message in self._consumer.consume(config.LOG_GROUP, config.FOLLOW_SECONDS):
                    if message.error() is not None:
                        self._failed(message)
                    else:
                        yield self._record(reader, message)
                yield None
        finally:
            self._consumer.close()

    def written(self, after: object) -> str:
        """See `Source`."""
        return json.dumps(after)

    def _record(self, reader: ArrivingLines, message: Any) -> Record:
        partition, offset = message.partition(), message.offset()
        self._next[str(partition)] = offset + 1
        self._ended.discard(partition)
        where = f"{self._topic}, partition {partition}, offset {offset:,}"
        said = parsed(reader, message.value() or b"", where)
        return Record(said, dict(self._next))

    def _assign(self) -> None:
        """Read what partitions are not read yet, each from where it was left."""
        from confluent_kafka import KafkaException, TopicPartition

        for partition in sorted(self._metadata().topics[self._topic].partitions):
            if partition in self._assigned:
                continue
            part = TopicPartition(self._topic, partition)
            try:
                first, end = self._consumer.get_watermark_offsets(part, config.KAFKA_SECONDS)
                part.offset = self._start(partition, first, end)
                self._consumer.incremental_assign([part])
            except KafkaException as error:
                raise self._unread(error.args[0].str()) from error
            self._assigned.add(partition)

    def _start(self, partition: int, first: int, end: int) -> int:
        """Where to read on, of what the brokers have from `first` up to `end`."""
        wanted = self._next.get(str(partition), first)
        if first <= wanted <= end:
            return wanted
        if self._accept_gap:
            return first
        raise DataError(
            f"{self._shown}, partition {partition} was read up to offset {wanted:,}, and the "
            f"brokers have {first:,} to {end:,}: go on at the first of these by --accept-gap"
        )

    def _failed(self, message: Any) -> None:
        from confluent_kafka import KafkaError

        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(message.partition())
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise DataError(
                f"{self._shown}, partition {message.partition()}: the brokers dropped records that "
                "were not read yet: go on with those they have by --accept-gap"
            )
        elif not error.retriable():
            raise self._unread(error.str())

    def _metadata(self) -> Any:
        from confluent_kafka import KafkaException

        try:
            told = self._consumer.list_topics(self._topic, config.KAFKA_SECONDS)
        except KafkaException as error:
            raise self._unread(error.args[0].str()) from error
        if told.topics[self._topic].error is not None:
            raise self._unread(told.topics[self._topic].error.str())
        return told

    def _unread(self, reason: str) -> DataError:
        return DataError(
            f"cannot read {self._shown}: {one_line(reason)}; see that the brokers run and have the "
            "topic"
        )

    def _made(self, brokers: str) -> Consumer:
        from confluent_kafka import Consumer

        settings = {
            "bootstrap.servers": brokers,
            "group.id": "reelrecs",  # none is joined: partitions are taken, not given
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
        return Consumer(settings, logger=log)
