"""What is known of a customer: the state that events are applied to. The view `customer_rows` shows it in SQL.

The state is written as one JSON object to `customer_states.state`, with sorted names, so that equal states are equal
bytes. Times are milliseconds since 1970 UTC, 0 for never; money is integers of ten-thousandths (`schemas.money`). How
events change it stands in `stream.attribute.customer`.
"""

from hashlib import sha256
from typing import Final, Literal

import msgspec

from schemas.attribution import Touch

STATE_VERSION: Final = 2
ORDERS: Final = 128
"""Orders of one customer that are known one by one; payments of further ones count as an order each."""
_ORDER_KEY: Final = 12
EndedBy = Literal["customer", "guide", "transfer"]


class UnreadableStateError(ValueError):
    """Bytes that are no state of a version that this reader knows."""


class Messages(msgspec.Struct, omit_defaults=True, gc=False):
    """When messages were sent, thinned to what a first effective contact may still need; see `contact`."""

    incoming: list[int] = msgspec.field(default_factory=list)
    """By the customer, ascending."""
    outgoing: list[int] = msgspec.field(default_factory=list)
    """By guides, ascending."""
    settled_at: int = 0
    """The first time that a message met one of the other direction within a period: what is later cannot matter."""


class CustomerState(msgspec.Struct, omit_defaults=True, gc=False, tag_field="v", tag=STATE_VERSION):
    """All events of one customer, in one Kafka partition or in several that were merged."""

    begun: dict[str, int] = msgspec.field(default_factory=dict)
    """By guide: when a friend relation was last made, or taken over."""
    ended: dict[str, tuple[int, EndedBy]] = msgspec.field(default_factory=dict)
    """By guide: when a relation last ended, and who ended it."""
    first_added_at: int = 0
    touches: list[Touch] = msgspec.field(default_factory=list)
    """The first and the last ones, ascending."""
    messages: Messages = msgspec.field(default_factory=Messages)
    first_order: tuple[int, str] | None = None
    """When the customer first paid, and which order (`order_key`)."""
    last_order_at: int = 0
    payments: int = 0
    """Of all orders; one may be paid in parts."""
    paid_orders: dict[str, int] = msgspec.field(default_factory=dict)
    """By order (`order_key`): its payments; of more than `ORDERS` the ones with the lowest keys. Payments of none of
    these count as an order each, so the number of orders is exact for up to `ORDERS`."""
    revenue: int = 0
    refunds: int = 0
    margin: int = 0
    """Of orders, less that of refunds."""
    tags: dict[str, tuple[int, bool]] = msgspec.field(default_factory=dict)
    """By tag: its last change, and whether that took it off."""
    consent: tuple[int, bool] | None = None
    """Its last change, and whether that withdrew it."""
    last_active_at: int = 0
    referred: tuple[int, str] | None = None
    """When the customer was first brought, and by which customer."""


def order_key(order_id: str) -> str:
    """What an order goes by in a state, which outlives the order's rows."""
    return sha256(order_id.encode()).hexdigest()[:_ORDER_KEY]


_HEAD: Final = b'{"v":%d' % STATE_VERSION
_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(CustomerState)


def encode_state(state: CustomerState) -> bytes:
    """The JSON of a state."""
    return _encoder.encode(state)


def decode_state(value: bytes) -> CustomerState:
    """The state that `encode_state` wrote.

    Raises:
        UnreadableStateError: it is of another version, or damaged.
    """
    # The decoder would take any object without a version for an empty state.
    if not value.startswith(_HEAD):
        raise UnreadableStateError(f"the state of a customer cannot be read: it does not start with {_HEAD.decode()}")
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableStateError(f"the state of a customer cannot be read: {error}") from error
