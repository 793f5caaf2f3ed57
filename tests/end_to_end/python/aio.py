"""A client of aiokafka: produces, consumes with two members of a group, copies within transactions, of which one is
aborted, and asks the admin client for its topics and groups. Whatever it reads must be what it produced, each record once.
Arguments: bootstrap address, tag of the payloads, topic, topic of the copy (both exist), group, transactional id.
"""

import asyncio
import base64
import os
import random
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.helpers import create_ssl_context

RECORDS = 400
LIMIT_SECONDS = 100
TRANSACTION = 50
AUTHORITY = os.environ.get("KLAMM_E2E_CA")
SECURITY = {"security_protocol": "SSL", "ssl_context": create_ssl_context(cafile=AUTHORITY)} if AUTHORITY else {}


async def main(bootstrap, tag, topic, copy, group, transactional_id):
    values = [payload(tag, n) for n in range(RECORDS)]
    members = await join([consumer(bootstrap, group, topic) for _ in range(2)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **SECURITY, enable_idempotence=True, compression_type="gzip")
    await producer.start()
    await asyncio.gather(*[await producer.send(topic, value, key=b"key-%d" % n) for n, value in enumerate(values)])
    await producer.stop()
    counts = await consume(members, values)
    await copy_in_transactions(bootstrap, topic, copy, f"{group}-copy", transactional_id)
    await consume(await join([consumer(bootstrap, f"{group}-check", copy)]), values)

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **SECURITY)
    await admin.start()
    listed = set(await admin.list_topics())
    assert {topic, copy} <= listed, f"{topic} and {copy} are not among {listed}"
    groups = {name for name, _ in await admin.list_consumer_groups()}
    assert {group, f"{group}-copy"} <= groups, f"{group} is not among {groups}"
    await admin.close()
    print(f"{RECORDS} records, {counts[0]} and {counts[1]} by the members")


def payload(tag, n):
    """So large, with a part that no codec makes small, that a partition is more than the gateway has buffers for."""
    return f"{tag}-{n}-".encode() + base64.b64encode(random.Random(n).randbytes(2250))


async def join(members):
    """Starts the members and waits until each has partitions of the topic."""
    await asyncio.gather(*[one.start() for one in members])
    while not all(one.assignment() for one in members):
        await asyncio.sleep(0.05)
    return members


async def consume(members, values):
    """Reads until each value came once; gives how many records each member had."""
    missing = set(values)
    counts = [0] * len(members)
    while missing:
        for member, one in enumerate(members):
            for records in (await one.getmany(timeout_ms=100)).values():
                for record in records:
                    assert record.value in missing, f"{record.value[:40]} was read twice, or is not ours"
                    missing.remove(record.value)
                    counts[member] += 1
            await one.commit()
    await asyncio.gather(*[one.stop() for one in members])
    return counts


async def copy_in_transactions(bootstrap, topic, copy, group, transactional_id):
    """Copies all records, with the offsets within the transactions; the second transaction is aborted and done again."""
    (source,) = await join([consumer(bootstrap, group, topic)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **SECURITY, transactional_id=transactional_id)
    await producer.start()
    copied = transactions = 0
    while copied < RECORDS:
        records = await source.getmany(timeout_ms=500, max_records=TRANSACTION)
        if not records:
            continue
        await producer.begin_transaction()
        sent = [await producer.send(copy, record.value, key=record.key) for all in records.values() for record in all]
        await asyncio.gather(*sent)
        ends = {partition: batch[-1].offset + 1 for partition, batch in records.items()}
        await producer.send_offsets_to_transaction(ends, group)
        transactions += 1
        if transactions == 2:
            await producer.abort_transaction()
            for partition, batch in records.items():
                source.seek(partition, batch[0].offset)
        else:
            await producer.commit_transaction()
            copied += len(sent)
    await producer.stop()
    await source.stop()


def consumer(bootstrap, group, topic):
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap, **SECURITY,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), LIMIT_SECONDS))
