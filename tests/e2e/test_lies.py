"""Servers that lie: `inv up` says ready when real calls answer, not before, and then at once."""

from collections.abc import Iterator

import pytest

from tests.e2e.kit.workbench import Bench

pytestmark = pytest.mark.docker

LISTEN = "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 6333, Listen => 9); "
"""Perl is in every Debian image, the official Qdrant's too."""
READ = "while (<$c>) { $p = $1 if m{^GET (\\S+)}; last if /^\\r$/ } "
SERVERS = {
    "accepts and answers nothing": "while ($c = $s->accept) { close $c }",
    "hangs after accepting": "while ($c = $s->accept) { push @kept, $c }",
    "answers 200 to its readiness check only": (
        "while ($c = $s->accept) { "
        + READ
        + "$a = ($p eq '/readyz' or -e '/tmp/go') ? '200 OK' : '503 Not Yet'; "
        '$b = \'{"result":{"config":{"params":{"vectors":{"size":384}}}}}\'; '
        'print $c "HTTP/1.1 $a\\r\\nContent-Length: " . length($b) . "\\r\\n\\r\\n$b"; close $c }'
    ),
}
HEALTHY = "{test: ['CMD', 'true'], interval: 30s, timeout: 5s, retries: 5, "
HEALTHY += "start_period: 120s, start_interval: 500ms}"


@pytest.fixture
def liar(broken: Bench) -> Iterator[Bench]:
    """A stack whose Qdrant is another program."""
    broken.set_key("qdrant", "healthcheck", HEALTHY)
    try:
        yield broken
    finally:
        broken.restore()


def serve(liar: Bench, program: str) -> None:
    """Put a Perl program in the place of Qdrant."""
    text = program.replace("\\", "\\\\").replace("$", "$$").replace('"', '\\"')
    liar.set_key("qdrant", "entrypoint", f'["perl", "-e", "{text}"]')
    liar.set_key("qdrant", "command", "[]")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_lies_is_never_called_ready(liar: Bench, name: str) -> None:
    """Its port is open and its health check passes; the call that matters fails."""
    serve(liar, LISTEN + SERVERS[name])
    words = ["--service", "qdrant", "--timeout", "6", "--format", "json"]
    ran = liar.stack.inv("up", *words, check=False)
    assert (ran.exit_code, ran.lines[-1]["verdict"]) == (6, "starting")
    assert [one for one in ran.lines if one["event"] in {"ready", "finding"}] == []


def test_a_server_that_tells_the_truth_late_is_waited_for(liar: Bench) -> None:
    """Not ready while the real call fails; ready as soon as all of them succeed."""
    serve(liar, LISTEN + SERVERS["answers 200 to its readiness check only"])
    with liar.stack.started("up", "--service", "qdrant", "--format", "json") as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "503" in line)
        assert '"waiting"' in line
        liar.stack.docker("exec", liar.name("qdrant"), "touch", "/tmp/go")
        rest = process.stdout.read()
    assert process.returncode == 0
    assert '"verdict": "ready"' in rest.splitlines()[-1]
