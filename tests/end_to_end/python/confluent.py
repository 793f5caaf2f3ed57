"""A client of confluent-kafka, which is librdkafka: produces, consumes with two members of a group, and copies within
transactions, of which one is aborted. Whatever it reads must be what it produced, each record once. Arguments: bootstrap
address, tag of the payloads, topic, topic of the copy (both exist), group, transactional id.
"""

import base64
import os
import random
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

RECORDS = 400
LIMIT_SECONDS = 100
TRANSACTION = 50
END = time.monotonic() + LIMIT_SECONDS
AUTHORITY = os.environ.get("KLAMM_E2E_CA")
SECURITY = {"security.protocol": "ssl", "ssl.ca.location": AUTHORITY} if AUTHORITY else {}


def main(bootstrap, tag, topic, copy, group, transactional_id):
    values = [payload(tag, n) for n in range(RECORDS)]
    members = join([consumer(bootstrap, group, topic) for _ in range(2)])
    producer = Producer(SECURITY | {"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": "zstd"})
    for n, value in enumerate(values):
        producer.produce(topic, value=value, key=f"key-{n}", on_delivery=delivered)
    assert producer.flush(60) == 0, "not all records were delivered"
    counts = consume(members, values)
    copy_in_transactions(bootstrap, topic, copy, f"{group}-copy", transactional_id)
    consume([consumer(bootstrap, f"{group}-check", copy)], values)

    admin = AdminClient(SECURITY | {"bootstrap.servers": bootstrap})
    listed = set(admin.list_topics(timeout=30).topics)
    assert {topic, copy} <= listed, f"{topic} and {copy} are not among {listed}"
    groups = {listing.group_id for listing in admin.list_consumer_groups().result(30).valid}
    assert {group, f"{group}-copy"} <= groups, f"{group} is not among {groups}"
    print(f"{RECORDS} records, {counts[0]} and {counts[1]} by the members")


def payload(tag, n):
    """So large, with a part that no codec makes small, that a partition is more than the gateway has buffers for."""
    return f"{tag}-{n}-".encode() + base64.b64encode(random.Random(n).randbytes(2250))


def join(members):
    """Waits until each member has partitions of the topic, which is empty."""
    while not all(one.assignment() for one in members):
        assert time.monotonic() < END, "the members did not get partitions"
        for one in members:
            assert not one.poll(0.2), "a record before any was produced"
    return members


def consume(members, values):
    """Reads until each value came once; gives how many records each member had."""
    missing = set(values)
    counts = [0] * len(members)
    while missing:
        assert time.monotonic() < END, f"{len(missing)} records did not come"
        for member, one in enumerate(members):
            records = read(one)
            for record in records:
                assert record.value() in missing, f"{record.value()[:40]} was read twice, or is not ours"
                missing.remove(record.value())
                counts[member] += 1
            if records:
                one.commit(asynchronous=False)
    for one in members:
        one.close()
    return counts


def copy_in_transactions(bootstrap, topic, copy, group, transactional_id):
    """Copies all records, with the offsets within the transactions; the second transaction is aborted and done again."""
    source = consumer(bootstrap, group, topic)
    producer = Producer(SECURITY | {"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
    producer.init_transactions(30)
    copied = transactions = 0
    while copied < RECORDS:
        assert time.monotonic() < END, f"only {copied} records were copied"
        records = read(source)
        if not records:
            continue
        before = {}
        for record in records:
            before.setdefault(record.partition(), record.offset())
        producer.begin_transaction()
        for record in records:
            producer.produce(copy, value=record.value(), key=record.key(), on_delivery=delivered)
        positions = source.position([TopicPartition(topic, partition) for partition in before])
        producer.send_offsets_to_transaction(positions, source.consumer_group_metadata(), 30)
        producer.flush(30)
        transactions += 1
        if transactions == 2:
            producer.abort_transaction(30)
            for partition, offset in before.items():
                source.seek(TopicPartition(topic, partition, offset))
        else:
            producer.commit_transaction(30)
            copied += len(records)
    source.close()


def read(one):
    records = one.consume(TRANSACTION, timeout=0.3)
    for record in records:
        if record.error():
            raise KafkaException(record.error())
    return records


def consumer(bootstrap, group, topic):
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "session.timeout.ms": 10_000,
    }
    one = Consumer(SECURITY | settings)
    one.subscribe([topic])
    return one


def delivered(error, _):
    if error:
        raise KafkaException(error)


main(*sys.argv[1:])
