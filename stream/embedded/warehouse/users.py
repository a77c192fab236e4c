"""Who may come in, and under which role of the engine."""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from stream.embedded.warehouse.failure import EngineError


class Role(StrEnum):
    """A role of the engine; `access` says what each may do."""

    WRITER = "writer"
    BI = "bi"


@dataclass(frozen=True, slots=True)
class Users:
    """The two users of an embedded warehouse. An empty BI password means that there is no BI user."""

    writer: str
    writer_password: str
    bi: str
    bi_password: str

    def authenticate(self, user: str, password: str, *, anonymous: bool) -> Role:
        """The role of whoever knows the password; takes the same time whatever is wrong.

        Args:
            user: as given, or `default`.
            password: as given, or empty.
            anonymous: the request names nobody, so its client may be asked to (401).

        Raises:
            EngineError: 194 or 516, as a server answers.
        """
        is_writer = _same(user, self.writer) & _same(password, self.writer_password)
        is_bi = _same(user, self.bi) & _same(password, self.bi_password) & bool(self.bi_password)
        if is_writer:
            return Role.WRITER
        if is_bi:
            return Role.BI
        if anonymous:
            raise EngineError(
                194, "REQUIRED_PASSWORD", f"{user}: Authentication failed: user and password are required"
            )
        message = f"{user[:64]}: Authentication failed: password is incorrect, or there is no user with such name."
        raise EngineError(516, "AUTHENTICATION_FAILED", message)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape"))
