"""Pure: addresses of services that run elsewhere: `EXTERNAL_NAME_URL`, and `x-external` of one."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

VARIABLE = re.compile(r"EXTERNAL_([A-Z0-9]+)_URL\Z")
"""The variables; what stands between is the service, in capitals."""
NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\Z")
NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")
"""As the last label of a host: it is an IPv4 address, however few labels there are."""
PLAIN = re.compile(r"[!-~]+\Z")
INSIDE = (
    "inside the API's container that is the container itself; wanted one that leads there"
    " from here and from a container"
)
FORM = "SCHEME://HOST:PORT and nothing behind it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a service answers that runs elsewhere."""

    host: str
    port: int
    tls: str
    """As `Probe.tls`."""


def problem(url: str) -> str:
    """Return what is wrong with an address whatever service it is of; empty for nothing."""
    try:
        parts = urlsplit(url)
        host, place = parts.hostname or "", f"{parts.scheme}://{parts.netloc}"
        whole = bool(parts.scheme and PLAIN.match(url)) and parts.port != 0
        whole = whole and (_is_host(host) or ":" in host) and not place.endswith(":")
    except ValueError:
        host, place, whole = "", "", False
    rules = (
        ("@" in url, "holds a login, wanted none: users, passwords, keys have their own variables"),
        (not whole, f"is no address, wanted {FORM}"),
        (
            ":" in host,
            "is an IPv6 address, and the stack's network has IPv4; wanted a name or that",
        ),
        (url != place, f"has more than an address, wanted {FORM}"),
        (
            _is_loopback(host),
            f"names {host}: {INSIDE}",
        ),
    )
    return next((words for wrong, words in rules if wrong), "")


def _is_host(host: str) -> bool:
    """Say whether this is a name or an IPv4 address that all clients understand the same way.

    Of 127.1, 0 and 2130706433 many make an address.
    """
    host = host.removesuffix(".")
    if NUMBER.match(host.rpartition(".")[2]):
        return _ipv4(host) is not None
    return NAME.match(host) is not None


def _is_loopback(host: str) -> bool:
    host = host.removesuffix(".")
    found = _ipv4(host)
    if found is not None:
        return found.is_loopback or found.is_unspecified
    return host.rpartition(".")[2] == "localhost"


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def wrong_form(url: str, schemes: Mapping[str, str], port: int) -> str:
    """Return what a service's address is to be instead; empty where it is right.

    `schemes` are the forms of one that it can have, `port` that which all its clients take where
    none is written, or 0.
    """
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        return f"an address that begins with {' or '.join(f'{one}://' for one in schemes)}"
    if not (parts.port or port):
        return f"a port too: {url}:PORT; each of its clients would take another one"
    return ""


def parsed(url: str, schemes: Mapping[str, str], port: int) -> Place:
    """Return where an address leads that is right; ValueError or KeyError for another."""
    parts = urlsplit(url)
    how = schemes[parts.scheme]
    return Place(
        host=str(parts.hostname),
        port=parts.port or port,
        tls="" if how == "plain" else how,
    )
