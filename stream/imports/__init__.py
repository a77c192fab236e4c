"""Files as conversions: CSV, XLSX, NDJSON."""
