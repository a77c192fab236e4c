"""The producer of `attributed` on a real broker."""

import asyncio

from stream.base.settings import Settings
from stream.worker.attributed import Attributed
from tests.support.conversion_ledger import all_told
from tests.support.waiting import eventually


async def test_a_partition_that_had_no_leader_for_long_is_written_to_again(kafka_topics: Settings) -> None:
    attributed = Attributed(kafka_topics)
    attributed._options["request_timeout_ms"] = 1_000
    await attributed.send([(b"k", b"1")])
    given_up = attributed._producer
    cluster = given_up.client.cluster
    cluster.leader_for_partition = lambda _: -1
    sending = asyncio.create_task(attributed.send([(b"k", b"2")]))
    await eventually(lambda: attributed._producer is not given_up)  # then the numbers of a batch are missing
    del cluster.leader_for_partition
    async with asyncio.timeout(30):
        await sending
    assert not attributed._users
    await attributed.close()
    assert await all_told(kafka_topics) == [(b"k", b"1"), (b"k", b"2")]
