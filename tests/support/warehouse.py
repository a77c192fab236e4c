"""The real ClickHouse engine, behind its HTTP interface, for the whole test session."""
