"""The one way in for conversions: check, protect personal data, spool."""
