"""The disk between an answer and Kafka: append-only, CRC-framed segments, and the shipper that drains them."""
