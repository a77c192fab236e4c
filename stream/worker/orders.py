"""The orders that refunds of a batch are of: stored ones, looked up at once, and those of the batch as they come by."""

from collections.abc import Sequence

from schemas.conversions import Conversion
from schemas.erasure import CUSTOMER
from stream.attribute.refund import PAID, REFUNDED, Order, of_customer, refunded_order
from stream.sink import conversions as rows
from stream.worker.erased import ErasedPeople
from stream.worker.sink import Sink


class Orders:
    """One per process."""

    def __init__(self, sink: Sink, erased: ErasedPeople) -> None:
        self._sink = sink
        self._erased = erased

    async def stored(self, events: Sequence[Conversion]) -> dict[str, Order]:
        """Orders that refunds among these events are of, by order id; of one that is paid in parts the first part."""
        ids = {refunded_order(event) for event in events if event["type"] == REFUNDED}
        if not ids:
            return {}
        places = await self._sink.ask("orders", lambda ch: rows.orders(ch, ids))
        found = await self._sink.ask("orders", lambda ch: rows.at_places(ch, places.values())) if places else []
        return {one.event["order_id"]: self._order(one, places[one.event["order_id"]][0]) for one in found}

    def _order(self, raw: rows.RawConversion, partition: int) -> Order:
        # Raw rows name an erased customer until their mutation is through.
        customer_id = raw.event.get("customer_id", "")
        pseudonym = self._erased.known.pseudonym(CUSTOMER, customer_id, raw.time_ms) if customer_id else ""
        return Order(pseudonym or customer_id, raw.credit, partition)


def with_customers(events: Sequence[Conversion], stored: dict[str, Order], partition: int) -> list[Conversion]:
    """The events of a batch in their order; refunds that name no customer are those of their orders' customers."""
    own: dict[str, str] = {}
    whole: list[Conversion] = []
    for event in events:
        if event["type"] == PAID:
            own.setdefault(event["order_id"], event.get("customer_id", ""))
        elif event["type"] == REFUNDED:
            id_ = refunded_order(event)
            order = stored.get(id_)
            first = order.customer_id if order and (id_ not in own or order.precedes(partition)) else own.get(id_, "")
            event = of_customer(event, first)  # noqa: PLW2901 - what it is kept as
        whole.append(event)
    return whole
