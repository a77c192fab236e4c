"""Other systems' rows and payloads as conversions, by a declarative mapping."""
