"""A refund is its order's: commission that was earned by an order is given back by whoever earned it.

- **Credit.** Rule, confidence, guide, link, variant, click and facts are those of the order, whatever token or guide
  the refund itself names. Only if the order is not known when the refund comes do the rules apply, as to any event.
- **Customer.** A refund that names no customer is the order's customer's. One that names none and comes before its
  order stays nobody's.
- **Touch.** A refund's own token is no touch of its customer (`customer`): whether it is looked at would depend on
  whether the order came first.

An order is known by its id, whatever the ids of its events. One that is paid in parts has several: a refund is that of
the first one, by Kafka partition and in it by offset.
"""

from typing import NamedTuple

from schemas.attribution import Credit
from schemas.conversions import Conversion

PAID = "order_paid"
REFUNDED = "order_refunded"


class Order(NamedTuple):
    """What a refund takes from its order."""

    customer_id: str
    """Empty when the order named none."""
    credit: Credit
    """With its facts."""
    partition: int
    """Where it lies in Kafka."""

    def precedes(self, partition: int) -> bool:
        """Whether it comes before the orders of a batch of that partition, behind all of which it is stored."""
        return self.partition <= partition


def refunded_order(event: Conversion) -> str:
    """The id of the order that a refund is of; empty for other types."""
    return event["order_id"] if event["type"] == REFUNDED else ""


def of_customer(event: Conversion, customer_id: str) -> Conversion:
    """The refund as one of its order's customer; the same object when it names one, or there is none to name."""
    if not customer_id or event.get("customer_id"):
        return event
    return {**event, "customer_id": customer_id}
