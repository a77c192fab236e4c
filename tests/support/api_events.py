"""Events as senders of the API write them."""

from typing import Any

from tests.support.api import NOW


def order(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A paid order; `fields` replace and add."""
    return {
        "event_id": f"order_paid:{number}",
        "type": "order_paid",
        "occurred_at": NOW - 5_000,
        "customer_id": f"顾客{number}",
        "order_id": str(number),
        "amount": "399.00",
        **fields,
    }
