import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream.embedded.demo.people import Person, Tap
from stream.embedded.demo.taps import Sender, header

ANSWER = (
    b"HTTP/1.1 302 Found\r\nLocation: https://shop.example.com/\r\nSet-Cookie: gs_vid=v1; Path=/\r\n"
    b"Content-Length: 2\r\n\r\nok"
)


@asynccontextmanager
async def server(answer: bytes | None, heard: list[bytes]) -> AsyncIterator[int]:
    """Answers every request with `answer`; None closes the connection instead."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heard.append(await reader.readuntil(b"\r\n\r\n"))
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


async def send(port: int, tap: Tap, *, at_least: int) -> Sender:
    sender = Sender("127.0.0.1", port, lambda: tap, rate=500, connections=3)
    running = asyncio.create_task(sender.run())
    async with asyncio.timeout(10):
        while sender.ledger.answered + sender.ledger.unknown + sender.ledger.unanswered < at_least:
            await asyncio.sleep(0.01)
        await sender.stop()
        await running
    return sender


async def test_every_tap_that_was_sent_is_in_the_ledger_once() -> None:
    heard: list[bytes] = []
    tap = Tap(b"/abc", b"GET", b"User-Agent: x\r\n", known=True, person=None, link=4)
    async with server(ANSWER, heard) as port:
        ledger = (await send(port, tap, at_least=20)).ledger
    assert ledger.sent == ledger.answered == len(heard) == ledger.by_link[4] == ledger.statuses[302]
    assert ledger.unanswered == ledger.unknown == 0
    assert heard[0].startswith(b"GET /abc HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_an_answer_to_an_unknown_code_is_counted_apart() -> None:
    tap = Tap(b"/nothing", b"GET", b"", known=False, person=None, link=-1)
    async with server(ANSWER, []) as port:
        ledger = (await send(port, tap, at_least=5)).ledger
    assert ledger.unknown == ledger.sent
    assert ledger.answered == 0


async def test_a_lost_connection_leaves_a_tap_unanswered_and_the_sender_goes_on() -> None:
    tap = Tap(b"/abc", b"GET", b"", known=True, person=None, link=0)
    async with server(None, []) as port:
        ledger = (await send(port, tap, at_least=10)).ledger
    assert ledger.unanswered == ledger.sent >= 10
    assert ledger.answered == 0


async def test_a_person_keeps_the_first_cookie_it_is_given() -> None:
    taker, refuser = Person(b"", takes_cookies=True, night=False), Person(b"", takes_cookies=False, night=False)
    for person in (taker, refuser):
        async with server(ANSWER, []) as port:
            await send(port, Tap(b"/a", b"GET", b"", known=True, person=person, link=0), at_least=3)
    assert (taker.cookie, refuser.cookie) == (b"gs_vid=v1", b"")


def test_a_header_is_found_whatever_its_case() -> None:
    assert header(b"HTTP/1.1 200 OK\r\nLOCATION:  https://a/b:c ", b"location") == b"https://a/b:c"
    assert header(b"HTTP/1.1 200 OK", b"location") == b""
