"""The disk between an answer and Kafka: append-only, CRC-framed segments, and the shipper that drains them.

One process owns a spool directory's writing side (`Spool`); a child of it (`Shipper` starts it) the reading side.
In the order an event takes it: `writer` -> segment file (`frame`, `segments`) -> `reader` -> `pump` -> `kafka`; what
Kafka has acknowledged goes into the `cursor`.
"""

from stream.spool.shipper import Shipper
from stream.spool.writer import Spool

__all__ = ["Shipper", "Spool"]
