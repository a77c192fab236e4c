"""What is overwritten in spools once Kafka has it."""

from pathlib import Path

import pytest

from schemas.conversions import Conversion, encode_conversion
from schemas.token import Signer
from schemas.topics import CONVERSIONS
from stream.base.settings import Settings, load
from stream.privacy import spools
from stream.sink.erasing_letters import Names
from stream.spool import Spool, cursor, scrub
from stream.spool.cursor import CursorFile

TOKEN = Signer(1, b"k" * 32, 0).sign(7, 1_795_334_390_000, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"GUIDESTREAM_DATA_DIR": str(tmp_path)})


def shipped(settings: Settings, *events: dict[str, str]) -> Path:
    """A spool whose records Kafka has; its only segment."""
    with Spool.of(settings, "api", CONVERSIONS) as spool:
        for fields in events:
            event: Conversion = {"v": 1, "event_id": "e", "type": "lead", "occurred_at": 1, **fields}  # type: ignore[typeddict-item] # the test's own fields
            spool.append(b"k", encode_conversion(event))
        end = scrub.end_of(spool.directory)
        file = CursorFile(spool.directory)
        file.save(cursor.Cursor(end, end, len(events)))
        file.close()
        [segment] = spool.directory.glob("*.seg")
    return segment


@pytest.mark.parametrize("id_", ["plain-1", 'quo"te-1', "back\\slash-1", " c1 ", '李"娜', "tab\t\x01"])
def test_an_id_is_found_as_it_is_written_in_json(settings: Settings, id_: str) -> None:
    held = shipped(settings, {"customer_id": "somebody"}, {"customer_id": id_, "visitor_id": "v1"})
    assert b"v1" in held.read_bytes()
    assert spools.scrubbed(settings, Names([id_])) == 1
    assert b"v1" not in held.read_bytes()
    assert b"somebody" in held.read_bytes()
    assert spools.scrubbed(settings, Names([id_])) == 0


def test_what_names_a_click_is_found_by_it(settings: Settings) -> None:
    held = shipped(settings, {"token": TOKEN}, {"event_id": f"lead:{TOKEN}:7"}, {"token": f"{TOKEN[1:]}x"})
    assert spools.scrubbed(settings, Names([], [TOKEN, "never-seen"])) == 2
    assert held.read_bytes().count(TOKEN[1:].encode()) == 1
    assert spools.scrubbed(settings, Names([], [TOKEN, "never-seen"])) == 0
