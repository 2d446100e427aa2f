"""The login that the stand-in asks for, as Milvus does: one user, root."""

import base64
import hmac
from dataclasses import dataclass, field

USER = "root"
REFUSED = "auth check failure, please check username and password are correct"
"""Why nobody gets in, in Milvus' words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whoever knows the password of root may do all."""

    password: str = field(repr=False)

    @property
    def token(self) -> str:
        """The user and the password, as clients put them together."""
        return f"{USER}:{self.password}"

    @property
    def metadata(self) -> str:
        """What a gRPC client sends as `authorization`."""
        return base64.b64encode(self.token.encode()).decode()

    def fits_metadata(self, given: str) -> bool:
        """Say whether a gRPC call's `authorization` is the login."""
        return hmac.compare_digest(given.encode(), self.metadata.encode())

    def fits_header(self, given: str) -> bool:
        """Say whether the Authorization header of a REST call is the login."""
        scheme, _, token = given.partition(" ")
        return scheme == "Bearer" and hmac.compare_digest(token.encode(), self.token.encode())
