"""A real Kafka broker for the whole test session."""
