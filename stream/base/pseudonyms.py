"""Random words that stand for nobody in particular."""

import secrets


def new_pseudonym() -> str:
    """What an erased person's rows stay under; of the form `schemas.conversion_types.PSEUDONYM`."""
    return f"erased:{secrets.token_hex(16)}"
