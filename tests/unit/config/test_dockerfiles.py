"""Each rule about Dockerfiles, broken in every way there is."""

import pytest

from scripts.config.rules.dockerfiles import check, volumes


def found(text: str) -> list[str]:
    """Return what is wrong in a Dockerfile."""
    return [breach.found for breach in check(text, "docker/x/Dockerfile")]


@pytest.mark.parametrize(
    ("text", "swallowed"),
    [
        ("RUN a && b || true", "b || true"),
        ("RUN a && b -x 'c d' || :", "b -x 'c d' || :"),
        ("RUN --mount=type=cache,target=/x a \\\n    && b \\\n    || true", "b || true"),
        ("RUN a; (b && c || true) && d", "c || true"),
        ("RUN a && { b || true; }", ""),
        ("RUN a && (b || true)", ""),
        ("RUN b || true", ""),
        ("RUN a && b; c || true", ""),
        ("RUN a && b || exit 1", ""),
        ("# a && b || true\nRUN a", ""),
        ("RUN echo 'a && b || true'", ""),
    ],
)
def test_a_failure_is_not_swallowed_with_what_may_fail(text: str, swallowed: str) -> None:
    """In `A && B || true` a failing A is a success, and the broken layer is kept."""
    assert found(f"FROM x\n{text}\n") == ([swallowed] if swallowed else [])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("RUN dpkg --install /x_amd64.deb", "x_amd64.deb"),
        ("FROM --platform=linux/arm64 base", "arm64"),
        ("RUN curl https://x/tini-x86_64", "tini-x86_64"),
        ("ENV LIBRARY=/usr/lib/aarch64-linux-gnu", "aarch64-linux-gnu"),
        ("RUN pip download --platform manylinux2014_x86_64 weights", ""),
        ("# for amd64 and arm64\nRUN a", ""),
        ("RUN b --for $(uname -m) $TARGETARCH", ""),
    ],
)
def test_no_processor_is_named(text: str, word: str) -> None:
    """But where a reason is kept beside the rule."""
    assert found(f"FROM x\n{text}\n") == ([word] if word else [])


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("COPY --chmod=644 one /opt/new/", "/opt/new"),
        ("COPY --chmod=644 one two /opt/new", "/opt/new"),
        ("COPY --chmod=644 one /opt/new/one", "/opt/new"),
        ("COPY --chmod=0640 one new/", "/new"),
        ("ADD --chown=1:1 --chmod=600 one /opt/new/", "/opt/new"),
        ("WORKDIR /opt/new\nFROM x\nCOPY --chmod=644 one /opt/new/", "/opt/new"),
        ("COPY --chmod=755 one /opt/new/", ""),
        ("COPY one /opt/new/", ""),
        ("COPY --chmod=644 one /", ""),
        ("COPY --chmod=644 one ./", ""),
        ("WORKDIR /opt/new/deep\nCOPY --chmod=644 one ../", ""),
        ("RUN a\nFROM x AS z\nWORKDIR /a\nFROM z\nCOPY --chmod=644 one ./", ""),
        ("COPY --from=y one /opt/new/\nCOPY --chmod=644 two /opt/new/", ""),
    ],
)
def test_no_folder_gets_the_mode_of_a_file(text: str, folder: str) -> None:
    """BuildKit of Engine 28 makes one without x then, and no user but root gets into it."""
    assert found(f"FROM x\n{text}\n") == ([f"{folder}, which is new"] if folder else [])


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("VOLUME /data /logs", ("/data", "/logs")),
        ('VOLUME ["/a b", "/c"]\nVOLUME /d', ("/a b", "/c", "/d")),
        ("# VOLUME /data\nRUN echo VOLUME /x", ()),
    ],
)
def test_volumes_are_read_in_either_form(text: str, folders: tuple[str, ...]) -> None:
    """As the engine reads them."""
    assert volumes(f"FROM x\n{text}\n") == folders
