"""Encrypted connections, bounded as `answers` bounds plain ones; loaded where one is wanted."""

import ssl
from functools import cache
from typing import TYPE_CHECKING, cast

from scripts.core.foreign.answers import BoundedSocket, Bounds

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class BoundedTls(ssl.SSLSocket):
    """An encrypted `BoundedSocket`."""

    bounds = Bounds()

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        """Read as any socket does; errors as `BoundedSocket`'s."""
        self.bounds.hurry(self)
        count = super().recv_into(buffer, nbytes, flags)
        self.bounds.count(count)
        return count

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read as any socket does; errors as `BoundedSocket`'s."""
        self.bounds.hurry(self)
        data = super().recv(buflen, flags)
        self.bounds.count(len(data))
        return data


def over(plain: BoundedSocket, host: str, *, verified: bool) -> BoundedTls:
    """Return the encrypted connection over a plain one, within what is left to that.

    Raises ssl.SSLError where nobody speaks TLS there, or the certificate is not trusted, or is that
    of another host.
    """
    context = trusting() if verified else _trusting_all()
    bounds = plain.bounds
    encrypted = cast("BoundedTls", context.wrap_socket(plain, server_hostname=host))
    encrypted.bounds = bounds
    return encrypted


@cache
def trusting() -> ssl.SSLContext:
    """Return what trusts whom this machine trusts, or SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.sslsocket_class = BoundedTls
    return context


@cache
def _trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = BoundedTls
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
