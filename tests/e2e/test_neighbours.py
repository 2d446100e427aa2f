"""Two stacks on one engine, the second with settings that `inv env --write` made."""

import os
import shutil
from collections.abc import Iterator

import pytest

from scripts.config.rules import schema
from tests.e2e.kit import witness
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.stores import asked

pytestmark = pytest.mark.docker

OFFSET = 60
"""More than the ports of the first stack take."""
PASSWORDS = ("NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_ROOT_PASSWORD")


@pytest.fixture(scope="module")
def second(
    stack: Checkout, cold: list[object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    """A second stack of the same checkout, with other passwords; all of it is up."""
    del cold
    file = tmp_path_factory.mktemp("second") / "second.env"
    stack.inv("env", "--offset", str(OFFSET), "--write", str(file))
    one = Checkout(root=stack.root, env_file=file, project=f"{stack.project}-{OFFSET}")
    one.varied(file, **{name: f"another-{name.lower()}" for name in PASSWORDS})
    try:
        one.inv("up")
        yield one
    finally:
        one.destroy()


def test_two_full_stacks_at_once_pass_the_smoke_test(running: Checkout, second: Checkout) -> None:
    """Names, ports, networks and volumes are apart; `ps --all` shows both, all of them healthy."""
    for one in (running, second):
        assert "no trace of it left" in one.inv("smoke").stdout
        assert one.left() != []
    assert set(running.left()) & set(second.left()) == set()
    document = second.inv("ps", "--all", "--format", "json").document
    assert schema.validate(document, "stacks") == ()
    stacks = {one["project"]: one for one in document["stacks"]}
    first, other = stacks[running.project], stacks[second.project]
    assert (first["present"], other["present"]) == (False, True)
    assert other["env_file"] == str(second.env_file)
    assert other["checkout"] == str(second.root)
    published = [
        {port for row in one["services"] for port in row["ports"]} for one in (first, other)
    ]
    assert published[1] == {port + OFFSET for port in published[0]}


def test_other_passwords_than_the_default_work_throughout(second: Checkout) -> None:
    """Passwords from `.env` reach every service and the probes; the smoke test was passed."""
    rows = second.inv("ps", "--format", "json").document["services"]
    assert [row["service"] for row in rows if not row["ready"]] == []
    assert asked(second, "milvus", "another-milvus_password")
    assert not asked(second, "milvus", "12345678")


def test_resetting_one_stack_does_not_touch_the_other(running: Checkout, second: Checkout) -> None:
    """The other one keeps its data, and its containers run on."""
    stores = ("qdrant", "neo4j")
    for stack in (running, second):
        witness.put(stack, stores)
    label = f"--filter=label=com.docker.compose.project={running.project}"
    before = running.docker("ps", "--no-trunc", label, "--format={{.ID}} {{.CreatedAt}}").stdout
    second.inv("reset", *(f"--service={one}" for one in stores), "--yes", "--no-snapshot")
    after = running.docker("ps", "--no-trunc", label, "--format={{.ID}} {{.CreatedAt}}").stdout
    assert after == before
    assert witness.missing(running, stores) == []
    assert witness.missing(second, stores) == list(stores)


def test_stopping_one_stack_does_not_touch_the_other(running: Checkout, second: Checkout) -> None:
    """Not even when its data is deleted: of that one nothing is left."""
    made = " ".join(second.left())
    assert all(f"{one}_data" in made for one in ("neo4j", "qdrant", "etcd"))
    label = f"label=com.docker.compose.project={running.project}"
    before = running.docker("ps", "--no-trunc", "--quiet", "--filter", label).stdout
    second.inv("down", "--volumes", "--yes")
    assert second.left() == []
    assert running.docker("ps", "--no-trunc", "--quiet", "--filter", label).stdout == before


OUTSIDE = """
ip netns add $0
trap 'ip netns del $0' EXIT
ip link add $0 type veth peer name peer netns $0
ip addr add 10.213.71.1/24 dev $0
ip link set $0 up
ip() { command ip -netns $name "$@"; }
name=$0
ip addr add 10.213.71.2/24 dev peer
ip link set peer up
ip link set lo up
ip addr del 127.0.0.1/8 dev lo
ip route add 127.0.0.1/32 via 10.213.71.1
ip route add $1/32 via 10.213.71.1
exec_in() { command ip netns exec $name "$@"; }
exec_in sysctl -qw net.ipv4.conf.all.route_localnet=1
for url; do
    case $url in http*) exec_in curl -s -m 3 -o /dev/null "$url" && echo "$url" ;; esac
done
true
"""
"""Plays another host of the same network: its name, a container's address, what it calls."""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="it takes root, and iproute2"
)
def test_another_host_of_the_network_reaches_no_container(running: Checkout) -> None:
    """Neither by a route to the containers nor by one to 127.0.0.1 (moby#45610)."""
    if "private" not in running.inv("engine.status").stdout:
        pytest.skip("what another engine does is its owner's affair")
    inspected = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    name = f"{running.values()['CONTAINER_PREFIX']}neo4j-docker"
    address = running.docker("inspect", "--format", inspected, name).stdout.strip()
    urls = [f"http://{address}:7474/", running.url("NEO4J_HTTP_PORT", "/")]

    answered = running.run(["sh", "-ec", OUTSIDE, "memos-outside", address, *urls]).stdout
    here = running.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", urls[1]]).stdout

    assert (answered, here) == ("", "200")
