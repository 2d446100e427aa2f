"""The link to a remote engine, as far as values go: addresses, refusals, what is published."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts.core.errors import ConfigError, EngineError, ExitCode
from scripts.core.process import Completed
from scripts.core.units import SECOND
from scripts.engine.remote import link, there
from scripts.engine.remote.address import Address, parse
from scripts.engine.remote.doors import published, unpublished
from scripts.engine.remote.master import refusal
from scripts.engine.remote.state import Break, Forward, Phase, State

FAR = Address(host="far.example", user="me", port=2222)
MINUTE = 60 * SECOND


@pytest.mark.parametrize(
    ("text", "words", "whole"),
    [
        ("far", ("far",), "ssh://far"),
        ("me@far.example", ("-l", "me", "far.example"), "ssh://me@far.example"),
        (
            "ssh://me@far.example:2222",
            ("-l", "me", "-p", "2222", "far.example"),
            "ssh://me@far.example:2222",
        ),
        ("ssh://far/run/docker.sock", ("far",), "ssh://far/run/docker.sock"),
        ("ssh://far/", ("far",), "ssh://far"),
        ("me@[fe80::1%eth0]:22", ("-l", "me", "-p", "22", "fe80::1%eth0"), None),
    ],
)
def test_an_address_is_what_ssh_and_docker_take(
    text: str, words: tuple[str, ...], whole: str | None
) -> None:
    """A name of the user's ssh settings is one too."""
    found = parse(text)

    assert found.words == words
    assert whole is None or str(found) == whole


@pytest.mark.parametrize(
    "text",
    [
        *("", "-oProxyCommand=touch", "ssh://-oProxyCommand=touch", "me@-far", "-x@far", "a b"),
        *("me:secret@far", "far:99999", "far:0", "http://far", "far/a:b", "far\nother", "@far"),
    ],
)
def test_what_ssh_would_take_for_something_else_is_no_address(text: str) -> None:
    """An option above all; and a password would be seen by everybody."""
    with pytest.raises(ValueError, match="wanted USER@HOST"):
        parse(text)


@pytest.mark.parametrize(
    ("said", "code", "exit_code", "told", "step"),
    [
        (
            ["No ED25519 host key is known for far and you have requested strict checking.",
             "Host key verification failed."],
            "remote-host-key", ExitCode.CONFIG, "does not know the key of far.example",
            "ssh -l me -p 2222 far.example, and compare the fingerprint",
        ),
        (
            ["@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @",
             "Host key verification failed."],
            "remote-host-key", ExitCode.CONFIG, "another key than the one",
            "ssh-keygen -R '[far.example]:2222'",
        ),
        (
            ["me@far.example: Permission denied (publickey)."],
            "remote-login", ExitCode.CONFIG, "does not let us in: me@far.example: Permission",
            "ssh-copy-id",
        ),
        (
            ["ssh: connect to host far.example port 2222: Connection timed out"],
            "remote-unreachable", ExitCode.ENGINE, "Connection timed out", "is the machine on",
        ),
        (
            ["ssh: Could not resolve hostname far.example: Name or service not known"],
            "remote-unreachable", ExitCode.ENGINE, "Could not resolve", "is the machine on",
        ),
        (
            ["/home/me/.ssh/config: line 3: Bad configuration option: hoost",
             "/home/me/.ssh/config: terminating, 1 bad configuration options"],
            "remote-settings", ExitCode.CONFIG, "ssh's own settings", "mend ~/.ssh/config",
        ),
        ([], "remote-unreachable", ExitCode.ENGINE, "it says nothing", "tells more"),
    ],
    ids=["unknown key", "other key", "no key of ours", "no answer", "no name", "settings", "mute"],
)  # fmt: skip
def test_what_ssh_refuses_is_told_with_what_to_do(
    said: list[str], code: str, exit_code: ExitCode, told: str, step: str
) -> None:
    """In one message, each with a code of its own."""
    found = refusal(FAR, said)

    assert (found.code, found.exit_code) == (code, exit_code)
    assert told in str(found)
    assert step in found.next_step


def answering(stdout: str, stderr: str = "") -> Callable[[list[str], str], Completed]:
    """Return a machine that prints this."""
    return lambda words, _: Completed(argv=tuple(words), exit_code=0, stdout=stdout, stderr=stderr)


def test_the_socket_of_the_engine_there_is_found_among_what_a_shell_prints() -> None:
    """Whose files may print a greeting."""
    ask = answering("Welcome!\nmemos-dev: yes yes me /var/run/docker.sock\n")

    assert there.socket(FAR, ask) == "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("printed", "code", "told"),
    [
        ("memos-dev: no no me /var/run/docker.sock", "remote-no-docker", "has no docker"),
        ("memos-dev: yes no me /var/run/docker.sock", "remote-no-engine", "no engine runs"),
        ("memos-dev: yes there me /d.sock", "remote-no-rights", "me may not use the engine"),
        ("This account is currently not available.", "remote-no-shell", "not available"),
        ("", "remote-no-shell", "no answer"),
    ],
)
def test_a_machine_without_an_engine_for_us_says_what_is_missing(
    printed: str, code: str, told: str
) -> None:
    """Before anything is started there."""
    with pytest.raises(EngineError, match=told) as caught:
        there.socket(FAR, answering(printed))
    assert caught.value.code == code


def test_only_listeners_in_our_way_count() -> None:
    """One on another address of that machine is none; nor is a connection."""
    rows = (
        "  0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0",
        "  1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0",
        "  2: 050AA8C0:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0",
        "  3: 0100007F:0052 0100007F:8888 01 00000000:00000000 00:00000000 00000000 0",
        f"  4: {'0' * 32}:0053 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000 0",
    )
    df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 9 1 8 1% /\n"
    found = there.machine("/data", answering(df + "\n".join(rows)))

    assert found is not None
    assert found.listening == {8000, 0x50, 0x53}
    assert (found.host.disk, found.host.disk_free) == ("/data", 8192)


def test_what_is_published_there_is_forwarded_from_the_same_port() -> None:
    """On all addresses there it is loopback here; UDP and what is not published is left out."""
    ports = [
        {"IP": "127.0.0.1", "PrivatePort": 8000, "PublicPort": 8000, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "10.0.0.5", "PrivatePort": 90, "PublicPort": 9090, "Type": "tcp"},
        {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 5353, "Type": "udp"},
        {"PrivatePort": 7474, "Type": "tcp"},
    ]
    rows = [{"Labels": {"com.docker.compose.service": "web"}, "Ports": ports}]

    assert published(rows) == {
        8000: ("127.0.0.1:8000", "web"),
        8080: ("127.0.0.1:8080", "web"),
        9090: ("10.0.0.5:9090", "web"),
    }


def marks(ports: str, service: str = "web", project: str = "mine") -> dict[str, str]:
    """Return the labels of a task that has these ports for its machine alone."""
    compose = "com.docker.compose"
    marks = {f"{compose}.project": project, f"{compose}.service": service}
    return {**marks, "dev.memos.ports": ports}


def test_what_a_task_has_for_its_machine_alone_is_reached_over_the_bridge() -> None:
    """At the container's own port; what its engine does not name, and what is no port, is none."""
    ports = "8000:80 9:70000 x:1"
    rows = [{"Id": one, "Labels": marks(ports)} for one in ("here", "elsewhere")]
    bridge = {"Containers": {"here": {"IPv4Address": "172.18.0.3/16"}, "other": {}}}
    known = {"mine": {"web": ports}}

    assert unpublished(rows, bridge, known) == {8000: ("172.18.0.3:80", "web")}
    assert unpublished([{"Id": "here", "Labels": {}}], bridge, known) == {}


@pytest.mark.parametrize(
    "stranger",
    [marks("9000:80"), marks("8000:80", "db"), marks("8000:80", project="other"), marks("")],
    ids=["another port", "another service", "another project", "no port"],
)
def test_a_container_cannot_claim_a_port_that_was_not_deployed_so(
    stranger: dict[str, str],
) -> None:
    """Whoever may use the engine there can give one our labels."""
    rows = [{"Id": "strange", "Labels": stranger}]
    bridge = {"Containers": {"strange": {"IPv4Address": "172.18.0.9/16"}}}

    assert unpublished(rows, bridge, {"mine": {"web": "8000:80", "db": ""}}) == {}


def test_of_two_containers_that_claim_one_port_the_older_one_keeps_it() -> None:
    """In whichever order the engine lists them."""
    rows = [
        {"Id": one, "Created": made, "Labels": marks("8000:80"),
         "Ports": [{"IP": at, "PrivatePort": 1, "PublicPort": 9000, "Type": "tcp"}]}
        for one, made, at in (("new", 2, "127.0.0.2"), ("old", 1, "0.0.0.0"))
    ]  # fmt: skip
    addresses = {"new": "172.18.0.9/16", "old": "172.18.0.3/16"}
    bridge = {"Containers": {one: {"IPv4Address": at} for one, at in addresses.items()}}

    for ordered in (rows, rows[::-1]):
        assert unpublished(ordered, bridge, {"mine": {"web": "8000:80"}}) == {
            8000: ("172.18.0.3:80", "web")
        }
        assert published(ordered) == {9000: ("127.0.0.1:9000", "web")}


OPEN = State(address="ssh://far", phase=Phase.OPEN, since=0)


def test_a_break_is_told_while_it_is_news() -> None:
    """And not for ever after."""
    now = 100 * MINUTE
    lost = Break(at=now - 20 * SECOND, until=now - 10 * SECOND, error="Timeout")
    told = link.told_back(replace(OPEN, breaks=(lost,)), now)

    assert told == ("the link to ssh://far was broken for 10 s (Timeout), and is back since 10 s")
    assert link.told_back(replace(OPEN, breaks=(lost,)), now + 10 * MINUTE) == ""
    assert link.told_back(OPEN, now) == ""
    assert "broken 1 times, the last 20 s ago: Timeout" in link.told(
        replace(OPEN, breaks=(lost,)), now
    )


def test_a_port_that_another_one_has_here_is_told_by_each_command() -> None:
    """Or what answers there would be taken for the stack's."""
    taken = Forward(port=8000, service="memos", error="taken here by nginx (pid 7)")
    state = replace(OPEN, forwards=(taken, Forward(port=7474, service="neo4j")))

    assert [*link.news(state, 0)] == [
        "port 8000, memos there, is not to be had here: taken here by nginx (pid 7)"
    ]


def test_an_address_says_where_it_comes_from() -> None:
    """As every wrong value does, and shows no password."""
    with pytest.raises(ConfigError, match=r"DOCKER_HOST is 'ssh://me:\*\*\*@far'"):
        link.parsed("ssh://me:x@far", "DOCKER_HOST")
