"""The HTTP API: health and the registry."""
