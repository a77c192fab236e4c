"""Erasing a person, and what is left as a certificate."""
