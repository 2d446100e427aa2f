"""Why an image could not be had, by what engine, registry or builder said."""

import re

from scripts.core.errors import BrokenError, RefusedError, StackError
from scripts.core.finding import DOCKER
from scripts.diagnosis.failure import Cause

ELSEWHERE = "IMAGE_REGISTRY=<mirror> or IMAGE_SOURCE=packages in .env, then: inv up"
_HOST = re.compile(r"lookup (\S+?)[: ]|https?://([^/\s\"]+)|dial tcp (\S+?):\s")
_UNREACHED = (
    r"(?P<why>no such host|[Tt]emporary failure in name resolution|Temporary failure resolving"
    r"|server misbehaving|i/o timeout|TLS handshake timeout|connection refused"
    r"|network is unreachable|no route to host|connection reset by peer"
    r"|Client\.Timeout exceeded|context deadline exceeded|proxyconnect tcp)"
)
_UNKNOWN = Cause(
    "image-unknown",
    "there is no image {name}: its name or tag is misspelt, or it was deleted",
    "correct its NAME_IMAGE in .env (.env.example has the defaults), then: inv up",
)
_CAUSES = (
    (
        r"(?i)no space left on device|disk quota exceeded",
        Cause(
            "disk-full",
            "no space (or no inodes) left where the engine keeps its images",
            f"{DOCKER} system df; docker image prune; then: inv images.pull",
        ),
    ),
    (
        # https://docs.docker.com/docker-hub/usage/pulls/
        r"(?i)toomanyrequests|429 Too Many Requests|pull rate limit",
        Cause(
            "rate-limit",
            "{host} allows no more downloads from this address for now",
            f"docker login, or {ELSEWHERE}",
        ),
    ),
    (
        # deleted in 2026-09 (https://github.com/minio/minio/issues/21647)
        r"pull access denied for (?P<name>(?:docker\.io/)?minio/minio(?::[^\s,]*)?)(?:[\s,]|$)",
        Cause(
            "image-gone",
            "{name} was deleted from Docker Hub; a login does not bring it back",
            "MINIO_IMAGE=quay.io/minio/minio:RELEASE.2024-05-28T17-19-04Z in .env, then: inv up",
        ),
    ),
    (
        # the copies there are of before, and nobody promises to keep them
        r"(?P<name>quay\.io/minio/minio(?::[^\s\",]*)?)\b.*(?:not found|unknown|unauthorized)",
        Cause(
            "image-gone",
            "{name} is not at quay.io any more; MinIO makes no new ones",
            "MINIO_IMAGE=<the same from a mirror that kept it>, or IMAGE_SOURCE=packages, in .env,"
            " then: inv up",
        ),
    ),
    (
        # https://github.com/shellhub-io/shellhub/issues/7117
        r"pull access denied for (?P<name>[^\s,]+)",
        Cause(
            "image-denied",
            "{name} does not exist there, or only for those who are logged in",
            f"check the name in .env; docker login; or {ELSEWHERE}",
        ),
    ),
    (
        r"no matching manifest for (?P<name>\S+)",
        Cause(
            "image-architecture",
            "there is no such image for this machine's processor ({name})",
            "another tag of the image in .env, then: inv up",
        ),
    ),
    # moby says manifest unknown, containerd not found
    (r"manifest for (?P<name>\S+) not found", _UNKNOWN),
    (r"failed to resolve reference \"(?P<name>[^\"]+)\".*not found", _UNKNOWN),
    (r"(?:^|\s)(?P<name>[\w.:/-]+/[\w.:/-]+): (?:not found|manifest unknown)", _UNKNOWN),
    (r"No such image: (?P<name>\S+)", _UNKNOWN),
    (r"(?P<name>manifest unknown|name unknown)", _UNKNOWN),
    (
        r"invalid reference format",
        Cause(
            "image-unknown",
            "the name of an image is malformed",
            "correct its NAME_IMAGE or IMAGE_REGISTRY in .env, then: inv up",
        ),
    ),
    (
        # Go's crypto/x509, Python's ssl and OpenSSL
        r"x509: |CERTIFICATE_VERIFY_FAILED|self.signed certificate",
        Cause(
            "tls-resigned",
            "the certificate of {host} is signed by somebody this machine does not trust,"
            " such as a proxy that looks into TLS",
            "add the proxy's CA to this machine's trusted ones, restart the engine, then: inv up",
        ),
    ),
    (
        r"server gave HTTP response to HTTPS client",
        Cause(
            "registry-http",
            "{host} speaks HTTP without TLS",
            "name it under insecure-registries in the engine's daemon.json, then: inv up",
        ),
    ),
    (
        r"unauthorized(?:: |\s*$)|401 Unauthorized|no basic auth credentials",
        Cause("image-denied", "{host} wants a login", f"docker login {{host}}; or {ELSEWHERE}"),
    ),
    (
        _UNREACHED,
        Cause(
            "no-network",
            "{host} cannot be reached from the engine: {why}",
            f"check network and proxy of the engine, or {ELSEWHERE}",
        ),
    ),
)
"""What a text says, what it means, and what to do: {host}, {name} and {why} are from the text."""


OF_REGISTRIES = frozenset(cause.code for _, cause in _CAUSES) - {"disk-full"}
"""Codes of what registries and their images are to blame for."""


def kind(code: str) -> type[StackError]:
    """Return what a cause amounts to: a registry may refuse, and a full disk is broken."""
    return RefusedError if code in OF_REGISTRIES else BrokenError


def pull_cause(text: str) -> Cause | None:
    """Return the cause of a failed pull or build, or None for a text that says none we know."""
    for pattern, cause in _CAUSES:
        if match := re.search(pattern, text):
            host = _HOST.search(text)
            words = {"host": next(filter(None, host.groups())) if host else "the registry"}
            words |= match.groupdict()
            return cause._replace(
                cause=cause.cause.format(**words), next_step=cause.next_step.format(**words)
            )
    return None
