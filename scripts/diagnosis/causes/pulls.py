"""Why an image could not be had, by what engine, registry or builder said."""

import re
from collections.abc import Callable

from scripts.diagnosis.failure import Cause

DEAD = {
    # deleted in 2026-09 (https://github.com/minio/minio/issues/21647)
    "minio/minio": "MINIO_IMAGE=quay.io/minio/minio:RELEASE.2024-05-28T17-19-04Z",
}
"""Repositories that Docker Hub no longer has, with what to write into `.env` instead."""
ELSEWHERE = "IMAGE_REGISTRY=<mirror> or IMAGE_SOURCE=packages in .env, then: inv up"
_HOST = re.compile(r"lookup (\S+?)[: ]|https?://([^/\s\"]+)|dial tcp (\S+?):\s")
_UNREACHED = (
    r"(?P<why>no such host|[Tt]emporary failure in name resolution|Temporary failure resolving"
    r"|server misbehaving|i/o timeout|TLS handshake timeout|connection refused"
    r"|network is unreachable|no route to host|connection reset by peer"
    r"|Client\.Timeout exceeded|context deadline exceeded|proxyconnect tcp)"
)


def pull_cause(text: str) -> Cause | None:
    """Return the cause of a failed pull or build, or None for a text that says none we know."""
    for pattern, explain in _CAUSES:
        if match := re.search(pattern, text):
            return explain(match)
    return None


def _host(match: re.Match[str]) -> str:
    host = _HOST.search(match.string)
    return next(filter(None, host.groups()), "the registry") if host else "the registry"


def _full(_: re.Match[str]) -> Cause:
    return Cause(
        "disk-full",
        "no space (or no inodes) left where the engine keeps its images",
        "docker system df; docker image prune; then: inv images.pull",
    )


def _rate_limit(match: re.Match[str]) -> Cause:
    return Cause(
        "rate-limit",
        f"{_host(match)} allows no more downloads from this address for now",
        f"docker login, or {ELSEWHERE}",
    )


def _denied(match: re.Match[str]) -> Cause:
    name = match["name"]
    bare = name.removeprefix("docker.io/").partition(":")[0]
    if bare in DEAD:
        return Cause(
            "image-gone",
            f"{name} was deleted from Docker Hub; a login does not bring it back",
            f"{DEAD[bare]} in .env, then: inv up",
        )
    return Cause(
        "image-denied",
        f"{name} does not exist there, or only for those who are logged in",
        f"check the name in .env; docker login; or {ELSEWHERE}",
    )


def _unauthorized(match: re.Match[str]) -> Cause:
    host = _host(match)
    return Cause("image-denied", f"{host} wants a login", f"docker login {host}; or {ELSEWHERE}")


def _architecture(match: re.Match[str]) -> Cause:
    return Cause(
        "image-architecture",
        f"there is no such image for this machine's processor ({match['name']})",
        "another tag of the image in .env, then: inv up",
    )


def _unknown(match: re.Match[str]) -> Cause:
    return Cause(
        "image-unknown",
        f"there is no image {match['name']}: its name or tag is misspelt, or it was deleted",
        "correct its NAME_IMAGE in .env (.env.example has the defaults), then: inv up",
    )


def _malformed(_: re.Match[str]) -> Cause:
    return Cause(
        "image-unknown",
        "the name of an image is malformed",
        "correct its NAME_IMAGE or IMAGE_REGISTRY in .env, then: inv up",
    )


def _tls(match: re.Match[str]) -> Cause:
    return Cause(
        "tls-resigned",
        f"the certificate of {_host(match)} is signed by somebody this machine does not trust,"
        " such as a proxy that looks into TLS",
        "add the proxy's CA to this machine's trusted ones, restart the engine, then: inv up",
    )


def _plain_http(match: re.Match[str]) -> Cause:
    return Cause(
        "registry-http",
        f"{_host(match)} speaks HTTP without TLS",
        "name it under insecure-registries in the engine's daemon.json, then: inv up",
    )


def _no_network(match: re.Match[str]) -> Cause:
    return Cause(
        "no-network",
        f"{_host(match)} cannot be reached from the engine: {match['why']}",
        f"check network and proxy of the engine, or {ELSEWHERE}",
    )


_CAUSES: tuple[tuple[str, Callable[[re.Match[str]], Cause]], ...] = (
    (r"(?i)no space left on device|disk quota exceeded", _full),
    # https://docs.docker.com/docker-hub/usage/pulls/
    (r"(?i)toomanyrequests|429 Too Many Requests|pull rate limit", _rate_limit),
    # https://github.com/shellhub-io/shellhub/issues/7117
    (r"pull access denied for (?P<name>[^\s,]+)", _denied),
    (r"no matching manifest for (?P<name>\S+)", _architecture),
    # moby says manifest unknown, containerd not found
    (r"manifest for (?P<name>\S+) not found", _unknown),
    (r"failed to resolve reference \"(?P<name>[^\"]+)\".*not found", _unknown),
    (r"(?:^|\s)(?P<name>[\w.:/-]+/[\w.:/-]+): (?:not found|manifest unknown)", _unknown),
    (r"No such image: (?P<name>\S+)", _unknown),
    (r"(?P<name>manifest unknown|name unknown)", _unknown),
    (r"invalid reference format", _malformed),
    # Go's crypto/x509, Python's ssl and OpenSSL
    (r"x509: |CERTIFICATE_VERIFY_FAILED|self.signed certificate", _tls),
    (r"server gave HTTP response to HTTPS client", _plain_http),
    (r"unauthorized(?:: |\s*$)|401 Unauthorized|no basic auth credentials", _unauthorized),
    (_UNREACHED, _no_network),
)
