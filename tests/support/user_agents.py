"""User agents that people's phones, tablets and computers send, and what each must be read as."""

from pathlib import Path
from typing import NamedTuple


class Human(NamedTuple):
    """One line of the table beside this file."""

    device: str
    os: str
    browser: str
    platform: str
    user_agent: str


_LINES = Path(__file__).with_suffix(".tsv").read_text().splitlines()
assert tuple(_LINES[0].split("\t")) == Human._fields
HUMANS = tuple(Human(*line.split("\t")) for line in _LINES[1:])
