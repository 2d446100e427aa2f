"""Each key of a compose file as a Swarm has it: kept, in Swarm's words, left out, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.config import compose, swarm
from scripts.core.errors import ConfigError
from tests.kit.places import ROOT

RECORDED = sorted((ROOT / "tests" / "data" / "config").glob("*.yml"))
NOTHING_LIKE_IT = "wanted no such key with DEPLOY=swarm: a Swarm has nothing like it"
MARKS = {
    "com.docker.compose.project": "test",
    "com.docker.compose.service": "web",
    "com.docker.compose.oneoff": "False",
}
PLAIN = {
    "image": "example/web:1",
    "labels": MARKS,
    "deploy": {"endpoint_mode": "dnsrr"},
}
"""What Swarm gets of a service of which no more is said."""


def document(parts: dict[str, Any] | None = None, /, **keys: Any) -> dict[str, Any]:
    """Return a resolved file with one service that has these keys."""
    web = {"image": "example/web:1", "restart": "unless-stopped", **keys}
    return {"name": "test", "services": {"web": web}, **(parts or {})}


def made(parts: dict[str, Any] | None = None, /, **keys: Any) -> dict[str, Any]:
    """Return what Swarm gets of a service with these keys."""
    web: dict[str, Any] = swarm.stack(document(parts, **keys)).document["services"]["web"]
    return web


def refused(parts: dict[str, Any] | None = None, /, **keys: Any) -> str:
    """Return what a user reads about a service with these keys."""
    with pytest.raises(ConfigError) as error:
        swarm.stack(document(parts, **keys))
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cap_add", ["CHOWN"]),
        ("cap_drop", ["ALL"]),
        ("command", ["sleep", "1"]),
        ("credential_spec", {"file": "x"}),
        ("dns", ["1.1.1.1"]),
        ("dns_search", ["example"]),
        ("domainname", "example"),
        ("entrypoint", ["sh"]),
        ("extra_hosts", ["a=1.1.1.1"]),
        ("hostname", "web"),
        ("init", True),
        ("isolation", "default"),
        ("logging", {"driver": "json-file", "options": {"max-size": "10m"}}),
        ("read_only", True),
        ("stdin_open", True),
        ("stop_grace_period", "30s"),
        ("stop_signal", "SIGINT"),
        ("sysctls", {"net.core.somaxconn": "1024"}),
        ("tmpfs", ["/tmp"]),
        ("tty", True),
        ("ulimits", {"nofile": {"soft": 1, "hard": 2}}),
        ("user", "1000"),
        ("working_dir", "/app"),
    ],
)
def test_what_a_swarm_knows_stays(key: str, value: object) -> None:
    """As Compose resolved it."""
    assert made(**{key: value}) == {**PLAIN, key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("build", {"context": "/web"}),
        ("pull_policy", "never"),
        ("develop", {"watch": []}),
        ("profiles", ["models"]),
        ("platform", "linux/amd64"),
        ("expose", ["80"]),
        ("attach", False),
        ("container_name", "web"),
        ("depends_on", {"db": {"condition": "service_healthy"}}),
        ("x-probe", [{"target": 80}]),
        ("command", None),
        ("entrypoint", None),
        ("environment", {"UNSET": None}),
        ("ports", []),
        ("healthcheck", None),
    ],
)
def test_what_others_do_is_left_out_without_a_word(key: str, value: object) -> None:
    """Nothing is lost: images come before, names are Swarm's, entry points wait."""
    stack = swarm.stack(document(**{key: value}))

    assert (stack.document["services"]["web"], stack.dropped) == (PLAIN, ())


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("security_opt", ["no-new-privileges:true"], "a program may gain rights"),
        ("shm_size", "67108864", "/dev/shm has 64 MiB"),
        ("oom_score_adj", 100, "the kernel chooses who goes"),
    ],
)
def test_what_is_lost_is_told(key: str, value: object, told: str) -> None:
    """Docker says no more than "Ignoring unsupported options", or refuses the file."""
    stack = swarm.stack(document(**{key: value}))

    assert stack.document["services"]["web"] == PLAIN
    (line,) = stack.dropped
    assert told in line
    assert line.endswith("(web)")


def test_what_several_lose_is_told_once() -> None:
    """With all their names."""
    parts = document(security_opt=["no-new-privileges:true"])
    parts["services"]["db"] = parts["services"]["web"]

    (line,) = swarm.stack(parts).dropped

    assert line.endswith("(web, db)")


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("privileged", True, "true"),
        ("network_mode", "host", '"host"'),
        ("links", ["db"], '["db"]'),
        ("cpu_shares", 512, "512"),
        ("pid", "host", '"host"'),
        ("devices", [{"source": "/dev/x"}], "a list of 1"),
        ("runtime", "nvidia", '"nvidia"'),
        ("a_key_of_a_newer_compose", 1, "1"),
    ],
)
def test_a_key_that_a_swarm_cannot_keep_is_refused(key: str, value: object, found: str) -> None:
    """By its name, before anything is deployed."""
    assert f"service web: {key}: found {found}, {NOTHING_LIKE_IT}" in refused(**{key: value})


@pytest.mark.parametrize(
    ("parts", "keys", "told"),
    [
        (
            {},
            {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
            f"deploy.resources.reservations.devices: found a list of 1, {NOTHING_LIKE_IT}",
        ),
        (
            {},
            {"deploy": {"replicas": 2}, "x-data-group": "db"},
            "deploy.replicas: found 2, wanted 1: several would write to the same data",
        ),
        (
            {},
            {"networks": {"net": {"priority": 1}}},
            f"service web: networks.net.priority: found 1, {NOTHING_LIKE_IT}",
        ),
        (
            {},
            {"ports": [{"target": 80, "published": "80", "host_ip": "10.0.0.1"}]},
            'ports[0].host_ip: found "10.0.0.1", wanted 127.0.0.1 or 0.0.0.0',
        ),
        (
            {},
            {"ports": [{"target": 80, "published": "80-90"}]},
            'ports[0].published: found "80-90", wanted one port',
        ),
        (
            {},
            {"volumes": [{"type": "bind", "source": "/src", "target": "/app"}]},
            'volumes[0].source: found "/src", wanted a named volume: a folder of this machine',
        ),
        ({"networks": {"net": {"driver": "macvlan"}}}, {}, 'networks.net.driver: found "macvlan"'),
        (
            {"networks": {"net": {"driver_opts": {"com.docker.network.bridge.name": "br0"}}}},
            {},
            'networks.net.com.docker.network.bridge.name: found "br0"',
        ),
        ({"networks": {"net": {"enable_ipv6": True}}}, {}, "networks.net.enable_ipv6: found true"),
        (
            {"secrets": {"s": {"environment": "S"}}},
            {"secrets": [{"source": "s"}]},
            "secrets.s: found a mapping, wanted a file that can be read, or external: true",
        ),
        (
            {"configs": {"c": {"content": "x"}}},
            {"configs": [{"source": "c"}]},
            "configs.c: found a mapping, wanted a file that can be read, or external: true",
        ),
        ({"models": {"m": {}}}, {}, f"models: found a mapping, {NOTHING_LIKE_IT}"),
    ],
)
def test_a_value_that_a_swarm_cannot_keep_is_refused(
    parts: dict[str, Any], keys: dict[str, Any], told: str
) -> None:
    """By its place."""
    assert told in refused(parts, **keys)


def test_all_that_is_refused_is_told_at_once() -> None:
    """Docker tells one after the other."""
    told = refused(privileged=True, cpu_shares=1)

    assert "2 rules are broken" in told


@pytest.mark.parametrize(
    ("keys", "resources"),
    [
        ({"mem_limit": "1024"}, {"limits": {"memory": "1024"}}),
        ({"cpus": 0.5}, {"limits": {"cpus": "0.5"}}),
        ({"pids_limit": "2048"}, {"limits": {"pids": 2048}}),
        ({"mem_reservation": 512}, {"reservations": {"memory": "512"}}),
        (
            {"deploy": {"resources": {"limits": {"cpus": 0.5}, "reservations": {"cpus": 0.1}}}},
            {"limits": {"cpus": "0.5"}, "reservations": {"cpus": "0.1"}},
        ),
    ],
)
def test_limits_are_those_of_deploy(keys: dict[str, Any], resources: dict[str, Any]) -> None:
    """In the types that Docker's reader wants: processors as text, processes as a number."""
    assert made(**keys)["deploy"]["resources"] == resources


@pytest.mark.parametrize(
    ("restart", "policy"),
    [
        ("always", None),
        ("unless-stopped", None),
        ("no", {"condition": "none"}),
        (None, {"condition": "none"}),
        ("on-failure", {"condition": "on-failure"}),
        ("on-failure:3", {"condition": "on-failure", "max_attempts": 3}),
    ],
)
def test_restarts_are_swarms(restart: str | None, policy: dict[str, Any] | None) -> None:
    """Whose own way is to start whatever ends."""
    assert made(restart=restart)["deploy"].get("restart_policy") == policy


def test_what_deploy_says_of_itself_counts() -> None:
    """A virtual address too; that it leads nowhere without IPVS is told elsewhere."""
    written = {"endpoint_mode": "vip", "restart_policy": {"condition": "any"}, "replicas": 2}

    assert made(deploy=written)["deploy"] == written


@pytest.mark.parametrize(("period", "kept"), [("2m0s", "600s"), (None, "600s"), ("20m0s", "1200s")])
def test_a_start_has_time(period: str | None, kept: str) -> None:
    """Swarm kills and replaces what is unhealthy, also who only waits for another one."""
    health = {"test": ["CMD", "true"], "start_interval": "2s"}
    given = {**health, **({"start_period": period} if period else {})}

    assert made(healthcheck=given)["healthcheck"] == {**health, "start_period": kept}


def test_ports_are_those_of_the_node() -> None:
    """In host mode, as ingress needs IPVS; a number, and no address."""
    ports = [{"mode": "ingress", "host_ip": "0.0.0.0", "target": 80, "published": "8080"}]

    assert made(ports=ports)["ports"] == [
        {"target": 80, "published": 8080, "protocol": "tcp", "mode": "host"}
    ]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_what_is_for_this_machine_alone_is_left_to_a_link(address: str) -> None:
    """A host-mode port would listen on every address of its node; a label has what it was."""
    ports = [
        {"host_ip": address, "target": 80, "published": "8080"},
        {"host_ip": address, "target": 443, "published": "8443"},
        {"host_ip": address, "target": 53, "published": "53", "protocol": "udp"},
    ]
    stack = swarm.stack(document(ports=ports))

    found = stack.document["services"]["web"]
    assert found["labels"].pop("dev.memos.ports") == "8080:80 8443:443"
    assert found == PLAIN
    assert stack.dropped == ()


def test_networks_reach_over_all_nodes() -> None:
    """Whatever is `bridge` for Compose; the other names of a service stay."""
    parts: dict[str, Any] = {
        "networks": {
            "net": {"name": "test_net", "driver": "bridge", "internal": True, "ipam": {}},
            "own": None,
            "secret": {"driver_opts": {"encrypted": "true"}},
            "outside": {"external": True, "name": "x"},
        }
    }
    stack = swarm.stack(document(parts, networks={"net": {"aliases": ["a"]}, "own": None}))

    overlay = {"attachable": True, "driver": "overlay"}
    assert stack.document["networks"] == {
        "net": {"name": "test_net", "internal": True, **overlay},
        "own": overlay,
        "secret": {"driver_opts": {"encrypted": "true"}, **overlay},
        "outside": {"external": True, "name": "x"},
    }
    attached = stack.document["services"]["web"]["networks"]
    assert attached == {"net": {"aliases": ["a"]}, "own": {"aliases": []}}


def test_volumes_have_the_names_and_labels_that_compose_gives() -> None:
    """So that data is the same data, whoever runs the stack; what nobody mounts is left out."""
    parts: dict[str, Any] = {
        "volumes": {
            "data": {"name": "test_data"},
            "mine": {"external": True, "name": "mine"},
            "unused": {},
        }
    }
    mounts = [
        {"type": "volume", "source": "data", "target": "/data", "volume": {}},
        {"type": "volume", "source": "mine", "target": "/mine"},
        {"type": "tmpfs", "target": "/scratch", "tmpfs": {"size": "1024"}},
    ]
    stack = swarm.stack(document(parts, volumes=mounts))

    labels = {"com.docker.compose.project": "test", "com.docker.compose.volume": "data"}
    assert stack.document["volumes"] == {
        "data": {"name": "test_data", "labels": labels},
        "mine": {"external": True, "name": "mine"},
    }
    assert stack.document["services"]["web"]["volumes"] == [
        *mounts[:2],
        {"type": "tmpfs", "target": "/scratch", "tmpfs": {"size": 1024}},
    ]


def test_a_folder_that_holds_nothing_is_not_missed() -> None:
    """On another node there is none, and a task whose mount has no source never starts."""
    mounts = [{"type": "bind", "source": "/checkout/src", "target": "/app/src"}]
    given = document(volumes=mounts)

    assert swarm.folders(given) == {"/checkout/src"}
    assert swarm.stack(given, empty={"/checkout/src"}).document["services"]["web"] == PLAIN


def test_names_change_with_the_contents() -> None:
    """Swarm never changes a config; what only a build uses is left out."""
    parts = {
        "configs": {"c": {"file": "/c", "name": "test_c"}},
        "secrets": {
            "s": {"file": "/s", "name": "s" * 80},
            "mine": {"external": True, "name": "mine"},
            "of-a-build": {"file": "/b"},
        },
    }
    given = document(
        parts, configs=[{"source": "c"}], secrets=[{"source": "s"}, {"source": "mine"}]
    )
    digests = dict.fromkeys(swarm.contents(given), "0123456789abcdef")
    stack = swarm.stack(given, digests=digests)

    assert sorted(digests) == ["/b", "/c", "/s"]
    assert stack.document["configs"] == {"c": {"file": "/c", "name": "test_c_0123456789ab"}}
    assert stack.document["secrets"] == {
        "s": {"file": "/s", "name": f"{'s' * 51}_0123456789ab"},
        "mine": {"external": True, "name": "mine"},
    }


@pytest.mark.parametrize("mode", ["0440", 0o440])
def test_a_mode_is_a_number(mode: object) -> None:
    """Newer Composes write it as text."""
    secrets = [{"source": "mine", "target": "/run/mine", "mode": mode}]
    parts = {"secrets": {"mine": {"external": True, "name": "mine"}}}

    assert made(parts, secrets=secrets)["secrets"][0]["mode"] == 288


def test_a_service_is_on_the_node_that_it_was_given() -> None:
    """And has the label that its place asks for; what the file says itself counts too."""
    own = {"placement": {"constraints": ["node.role==worker"], "max_replicas_per_node": 1}}
    given = document(deploy=own, **{"x-place": {"label": "role=store"}})
    stack = swarm.stack(given, places={"web": "abc"})

    assert stack.document["services"]["web"]["deploy"]["placement"] == {
        "constraints": ["node.role==worker", "node.labels.role==store", "node.id==abc"],
        "max_replicas_per_node": 1,
    }


def test_a_command_of_its_own_waits_where_all_start_at_once() -> None:
    """Only for images that would end without their neighbours."""
    waits: Any = ["bash", "-c", 'until true; do sleep 1; done; exec "$@"', "-", "web"]

    assert made(command=["web"], **{"x-swarm-command": waits})["command"] == waits


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.name)
def test_our_own_files_become_stacks(file: Path) -> None:
    """No service, limit or volume is lost, no port of loopback published."""
    given = compose.document(file.read_text(encoding="utf-8"))
    stack = swarm.stack(given, empty=swarm.folders(given))

    services = stack.document["services"]
    assert services.keys() == given["services"].keys()
    assert not any("ports" in one for one in services.values())
    assert all(one["deploy"]["resources"]["limits"]["memory"] for one in services.values())
    mounted = {
        mount["source"]
        for one in given["services"].values()
        for mount in one.get("volumes", ())
        if mount["type"] == "volume"
    }
    assert stack.document["volumes"].keys() == mounted
    assert len(stack.dropped) == 1


def test_the_text_is_read_by_docker_as_it_was_meant() -> None:
    """Docker replaces variables once more: each $ stands twice, in JSON."""
    stack = swarm.stack(document(environment={"PRICE": "$5 ${HOME}", "y": "n"}))

    text = stack.text()
    assert json.loads(text.replace("$$", "$")) == stack.document
    assert "$$5 $${HOME}" in text
    assert yaml.safe_load(text)["services"]["web"]["environment"]["y"] == "n"
