"""Why an image could not be had, by the words of engines, registries and builders."""

import pytest

from scripts.diagnosis.causes.pulls import pull_cause

HUB = 'Error response from daemon: Get "https://registry.example/v2/": '


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            (
                "Error response from daemon: pull access denied for minio/minio, repository"
                " does not exist or may require 'docker login': denied: requested access is denied"
            ),
            (
                "image-gone",
                "minio/minio was deleted from Docker Hub",
                "MINIO_IMAGE=quay.io/minio/minio:",
            ),
        ),
        (
            (
                "manifest for quay.io/minio/minio:RELEASE.2024-05-28T17-19-04Z not found:"
                " manifest unknown: manifest unknown"
            ),
            ("image-gone", "quay.io/minio/minio:RELEASE.2024-05-28T17-19-04Z is not", "a mirror"),
        ),
        (
            (
                'failed to resolve reference "quay.io/minio/minio:RELEASE.x": unexpected status:'
                " 401 unauthorized"
            ),
            ("image-gone", "quay.io/minio/minio:RELEASE.x", "IMAGE_SOURCE=packages"),
        ),
        (
            "pull access denied for my/image, repository does not exist or may require",
            ("image-denied", "my/image", "docker login"),
        ),
        (
            "manifest for quay.io/x/etcd:v9 not found: manifest unknown: manifest unknown",
            ("image-unknown", "quay.io/x/etcd:v9", "NAME_IMAGE in .env"),
        ),
        (
            'failed to resolve reference "docker.io/library/neo4j:5.99": not found',
            ("image-unknown", "docker.io/library/neo4j:5.99", ".env"),
        ),
        (
            "Error response from daemon: docker.io/library/neo4j:5.99: not found",
            ("image-unknown", "docker.io/library/neo4j:5.99", ".env"),
        ),
        ("manifest unknown", ("image-unknown", "misspelt", ".env")),
        ("invalid reference format", ("image-unknown", "malformed", "IMAGE_REGISTRY")),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            ("image-architecture", "linux/arm64/v8", "another tag"),
        ),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit.",
            ("rate-limit", "no more downloads", "IMAGE_REGISTRY="),
        ),
        (
            "received unexpected HTTP status: 429 Too Many Requests",
            ("rate-limit", "the registry", "docker login"),
        ),
        (
            HUB + "dial tcp: lookup registry.example on 10.0.0.1:53: no such host",
            (
                "no-network",
                "registry.example cannot be reached from the engine: no such host",
                "IMAGE_SOURCE=packages",
            ),
        ),
        (
            HUB + "dial tcp 1.2.3.4:443: i/o timeout",
            ("no-network", "registry.example cannot be reached", "proxy of the engine"),
        ),
        (
            HUB + "dial tcp 1.2.3.4:443: connect: connection refused",
            ("no-network", "connection refused", "IMAGE_REGISTRY"),
        ),
        (
            HUB
            + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ("tls-resigned", "registry.example", "CA"),
        ),
        (
            (
                "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate"
                " verify failed: self-signed certificate in certificate chain'))"
            ),
            ("tls-resigned", "does not trust", "CA"),
        ),
        (
            'Get "https://mirror:5000/v2/": http: server gave HTTP response to HTTPS client',
            ("registry-http", "mirror:5000", "insecure-registries"),
        ),
        (
            'Head "https://quay.io/v2/x": unauthorized: authentication required',
            ("image-denied", "quay.io wants a login", "docker login quay.io"),
        ),
        (
            "failed to register layer: write /x: no space left on device",
            ("disk-full", "no space", "docker image prune"),
        ),
    ],
)
def test_a_pull_that_failed_has_a_cause(text: str, wanted: tuple[str, str, str]) -> None:
    """With the value that is wrong, and what to type."""
    code, cause, step = wanted
    finding = pull_cause(f"some progress\n{text}\n")

    assert finding is not None
    assert finding.code == code
    assert cause in finding.cause
    assert step in finding.next_step


@pytest.mark.parametrize("text", ["", "ERROR: process did not complete successfully: exit code: 1"])
def test_a_text_that_tells_nothing_has_no_cause(text: str) -> None:
    """The caller then shows the text itself."""
    assert pull_cause(text) is None
