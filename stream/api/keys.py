"""Who calls, and whether they may: API keys in `Authorization: Bearer gs_<id>_<secret>`."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from schemas.registry import ApiKey
from stream.api.ports import Registry
from stream.base.errors import UnavailableError
from stream.registry.api_keys import Scope, is_secret_of, read_key

STATUSES: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""What a route that needs a key may also answer."""
_BEARER: Final = HTTPBearer(
    scheme_name="key", bearerFormat="gs_<id>_<secret>", description="made by `guidestream key add`", auto_error=False
)


class ApiKeys:
    """The keys of the registry in force: one that was disabled or deleted opens nothing about a second later."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def needs(self, scope: Scope) -> Any:
        """The dependency of a route that only a key with this scope may call; its value is the key."""

        async def allowed(
            credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
        ) -> ApiKey:
            return self.check(credentials.credentials if credentials else "", scope)

        return Security(allowed)

    def check(self, text: str, scope: Scope) -> ApiKey:
        """The key that this is the text of.

        Raises:
            HTTPException: 401, it is no key in force, which of the reasons is not told; 403, it has not this scope.
            UnavailableError: no registry was read yet.
        """
        if not self._registry.ready:
            raise UnavailableError("the registry was not read yet; try again in a moment")
        id_, secret = read_key(text)
        key = self._registry.snapshot.api_key(id_)
        # Looked at in any case: how long the answer takes does not tell which ids there are.
        matches = is_secret_of(secret, key)
        if key is None or key.disabled or not matches:
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "send `Authorization: Bearer KEY` with a key that is in force; guidestream key add makes one",
                headers={"WWW-Authenticate": 'Bearer realm="guidestream"'},
            )
        if scope not in key.scopes:
            raise HTTPException(HTTPStatus.FORBIDDEN, f"this key has not the scope {scope}")
        return key
