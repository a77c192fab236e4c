"""A list of click token keys as text: ID:HEX, several separated by commas."""

import re
from dataclasses import dataclass, field
from typing import Final, Self

_KEY: Final = re.compile(r"(?P<id>[0-9]|1[0-5]):(?P<hex>(?:[0-9a-fA-F]{2}){16,64})")


@dataclass(frozen=True, slots=True)
class KeyList:
    """Two or more live at once while one is replaced: the first signs, all verify."""

    signing_id: int
    by_id: dict[int, bytes] = field(repr=False)

    @property
    def signing_key(self) -> bytes:
        """The key that signs."""
        return self.by_id[self.signing_id]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list.

        Raises:
            ValueError: names the place of the first key that is none; no key is shown.
        """
        keys: dict[int, bytes] = {}
        for place, item in enumerate(text.strip().split(","), start=1):
            found = _KEY.fullmatch(item.strip())
            if found is None:
                raise ValueError(
                    f"key {place} is not ID:HEX with an ID of 0-15 and 16-64 bytes of hex; make one with "
                    "`openssl rand -hex 32`"
                )
            if int(found["id"]) in keys:
                raise ValueError(f"key id {found['id']} is there twice; give each key an id of its own")
            keys[int(found["id"])] = bytes.fromhex(found["hex"])
        return cls(next(iter(keys)), keys)
