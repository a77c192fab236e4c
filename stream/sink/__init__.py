"""ClickHouse: raw rows, window rows and dead letters, each batch whole or not at all; migrations; the audit."""
