"""The orders that refunds of a batch are of: stored ones, looked up at once, and those of the batch as they come by."""

from collections.abc import Sequence

from schemas.conversions import Conversion
from schemas.erasure import CUSTOMER
from schemas.topics import CONVERSIONS
from stream.attribute.refund import PAID, REFUNDED, Order, of_customer, order_event_id
from stream.sink import conversions as rows
from stream.worker.erased import ErasedPeople
from stream.worker.sink import Sink


class Orders:
    """One per process."""

    def __init__(self, sink: Sink, erased: ErasedPeople) -> None:
        self._sink = sink
        self._erased = erased

    async def stored(self, events: Sequence[Conversion]) -> dict[str, Order]:
        """Orders that refunds among these events are of, by event id; of two that share an id the first one."""
        ids = {order_event_id(event) for event in events if event["type"] == REFUNDED}
        if not ids:
            return {}
        # Of a customer who was erased, with an order id that named them: its row is under another word since.
        words = {word: id_ for id_ in ids for word in (id_, *self._erased.known.ids_of(id_))}
        known = await self._sink.known(CONVERSIONS, words)
        places = {where[0] for where in known.values()}
        found = await self._sink.ask("orders", lambda ch: rows.at_places(ch, places)) if places else []
        return {words[one.event["event_id"]]: self._order(one) for one in found if one.event["type"] == PAID}

    def _order(self, raw: rows.RawConversion) -> Order:
        # Raw rows name an erased customer until their mutation is through.
        customer_id = raw.event.get("customer_id", "")
        pseudonym = self._erased.known.pseudonym(CUSTOMER, customer_id, raw.time_ms) if customer_id else ""
        return Order(pseudonym or customer_id, raw.credit)


def with_customers(events: Sequence[Conversion], stored: dict[str, Order]) -> list[Conversion]:
    """The events of a batch in their order; refunds that name no customer are those of their orders' customers."""
    customers = {event_id: order.customer_id for event_id, order in stored.items()}
    whole: list[Conversion] = []
    for event in events:
        if event["type"] == PAID:
            customers[event["event_id"]] = event.get("customer_id", "")
        elif event["type"] == REFUNDED:
            event = of_customer(event, customers.get(order_event_id(event), ""))  # noqa: PLW2901 - what it is kept as
        whole.append(event)
    return whole
