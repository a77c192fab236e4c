"""A whole deployment on one machine: real Kafka, the real ClickHouse engine, and the supervisor of all processes."""
