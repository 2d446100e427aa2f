"""Pure: a compose file as the stack that `docker stack deploy` takes.

Swarm's reader refuses half of what Compose resolves a file to, and passes over more in silence.
So every key is kept, put into Swarm's words, left out with what is lost by it, or refused.
"""

import ipaddress
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.config.rules.schema import Breach, as_list, as_tree, describe, require
from scripts.core.inventory import PORTS_LABEL, PROJECT_LABEL, SERVICE_LABEL, VOLUME_LABEL
from scripts.core.units import seconds

Tree = Mapping[str, Any]

PATIENCE = 600.0
"""Seconds of start_period at least. Swarm kills and replaces what is unhealthy, and starts all at
once: whoever waits for its neighbours is not yet sick. It ends with the first check that passes."""
NEEDED: Mapping[str, str] = {
    "IP_VS": "endpoint_mode: vip gives a service an address that leads nowhere",
    "INET_ESP": "nothing passes between nodes on a network that is encrypted",
}
"""What does not work on a kernel that was built without an option, and nobody says so."""
HASH = 12
"""Letters of a content's digest in a name: Swarm never changes the content of a config."""
LONGEST_NAME = 64
"""Of a config or a secret."""

_SAME = frozenset(
    {
        *("cap_add", "cap_drop", "command", "credential_spec", "dns", "dns_search", "domainname"),
        *("entrypoint", "extra_hosts", "hostname", "image", "init", "isolation", "logging"),
        *("read_only", "stdin_open", "stop_grace_period", "stop_signal", "sysctls", "tmpfs"),
        *("tty", "ulimits", "user", "working_dir"),
    }
)
"""Keys of a service that Swarm takes as Compose resolves them."""
_IDLE = frozenset(
    {
        *("build", "pull_policy", "develop", "profiles", "platform", "expose", "attach"),
        *("container_name", "depends_on"),
    }
)
"""Keys whose work is done by others: images are brought to the nodes before, names are given by
Swarm, and who needs somebody waits for him by its own entry point."""
_SAID_OTHERWISE = frozenset(
    {
        *("configs", "deploy", "environment", "healthcheck", "labels", "networks", "ports"),
        *("restart", "secrets", "volumes", "mem_limit", "mem_reservation", "cpus", "pids_limit"),
    }
)
"""Keys that are put into Swarm's words, each by its own function below."""
_LOST: Mapping[str, Callable[[Any], str]] = {
    "security_opt": lambda value: (
        f"security_opt {', '.join(map(str, value))} is not known to a Swarm: a program may gain"
        " rights that its user has not, unless /etc/docker/daemon.json of the nodes has"
        ' "no-new-privileges": true'
    ),
    "shm_size": lambda _: "shm_size is not known to a Swarm: /dev/shm has 64 MiB",
    "oom_score_adj": lambda _: (
        "oom_score_adj is not known to a Swarm: where memory ends the kernel chooses who goes"
    ),
}
"""Keys that Swarm ignores or refuses, of which a stack can do without; and what is lost by it."""
_REFUSED = "no such key with DEPLOY=swarm: a Swarm has nothing like it"
_STEP = "say it otherwise in the compose file; or DEPLOY= in .env, for plain Compose"
_OF_STACK = frozenset({"name", "version", "services", "networks", "volumes", "configs", "secrets"})
_OF_NETWORK = frozenset({"name", "internal", "attachable", "labels", "ipam", "external", "driver"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What Swarm is given, and what is lost on the way there."""

    document: dict[str, Any]
    dropped: tuple[str, ...] = ()
    """A sentence for each thing, with the services that it is about."""
    kernel: tuple[str, ...] = ()
    """Options of NEEDED that the kernels of all nodes must have."""

    def text(self) -> str:
        """Return the document as `docker stack deploy -c -` reads it, with all secrets.

        JSON, because YAML's unquoted `y` and `n` mean other things to Docker than to Compose; and
        each $ twice, because Docker replaces variables once more.
        """
        return json.dumps(self.document).replace("$", "$$")


def stack(
    config: Tree,
    *,
    places: Mapping[str, str] | None = None,
    digests: Mapping[str, str] | None = None,
    empty: Collection[str] = (),
) -> Stack:
    """Turn a resolved compose file, as `compose.document` gives it, into a stack.

    `places` are ids of nodes by service; `digests` those of the contents of files by their paths;
    `empty` the folders of this machine that hold nothing, of which a bind mount is left out.
    Raises ConfigError that names every key which a Swarm cannot keep.
    """
    return _Reader(config, places or {}, digests or {}, frozenset(empty)).stack()


class _Reader:
    """Reads one file, and collects what is wrong and what is lost."""

    def __init__(
        self,
        config: Tree,
        places: Mapping[str, str],
        digests: Mapping[str, str],
        empty: frozenset[str],
    ) -> None:
        self._config, self._places = config, places
        self._digests, self._empty = digests, empty
        self._breaches: list[Breach] = []
        self._lost: dict[str, dict[str, None]] = defaultdict(dict)
        """What is lost, and the services that lose it."""
        self._project = str(config.get("name", ""))

    def stack(self) -> Stack:
        here = ((name, keys) for name, keys in self._part("services") if "x-external" not in keys)
        services = {name: self._service(name, keys) for name, keys in here}
        document: dict[str, Any] = {
            "services": services,
            "networks": {key: self._network(key, one) for key, one in self._part("networks")},
            "volumes": self._volumes(services),
        }
        for kind in ("configs", "secrets"):
            named = _sources(services, kind)
            found = {key: one for key, one in self._part(kind) if key in named}
            document[kind] = {key: self._content(kind, key, one) for key, one in found.items()}
        for key in self._config:
            if key not in _OF_STACK and not key.startswith("x-"):
                self._refuse(key, self._config[key])
        require(self._breaches, _STEP)
        dropped = (f"{reason} ({', '.join(names)})" for reason, names in self._lost.items())
        kept = {key: one for key, one in document.items() if one}
        return Stack(document=kept, dropped=tuple(dropped), kernel=tuple(_kernel(kept)))

    def _part(self, key: str) -> Iterable[tuple[str, Tree]]:
        return ((name, as_tree(one)) for name, one in as_tree(self._config.get(key)).items())

    def _refuse(
        self, key: str, value: object, wanted: str = _REFUSED, *, service: str = ""
    ) -> None:
        self._breaches.append(Breach(key, describe(value), wanted, service=service))

    def _service(self, name: str, keys: Tree) -> dict[str, Any]:
        kept = {}
        for key, value in keys.items():
            if value is None or key in _IDLE or key in _SAID_OTHERWISE or key.startswith("x-"):
                continue
            if key in _SAME:
                kept[key] = value
            elif key in _LOST:
                self._lost[_LOST[key](value)][name] = None
            else:
                self._refuse(key, value, service=name)
        if (command := keys.get("x-swarm-command")) is not None:
            kept["command"] = command
        given = as_tree(keys.get("environment"))
        parts = {
            "environment": {key: value for key, value in given.items() if value is not None},
            "labels": {
                **as_tree(keys.get("labels")),
                PROJECT_LABEL: self._project,
                SERVICE_LABEL: name,
                "com.docker.compose.oneoff": "False",
                **_narrow(keys),
            },
            "healthcheck": _healthcheck(as_tree(keys.get("healthcheck"))),
            "networks": self._attached(name, keys),
            "ports": list(self._ports(name, keys)),
            "volumes": list(self._mounts(name, keys)),
            "configs": list(_files(keys.get("configs"))),
            "secrets": list(_files(keys.get("secrets"))),
            "deploy": self._deploy(name, keys),
        }
        return {**kept, **{key: part for key, part in parts.items() if part}}

    def _attached(self, name: str, keys: Tree) -> dict[str, Any]:
        """Return the networks of a service, of which Swarm knows no more than other names."""
        attached = {}
        for network, how in as_tree(keys.get("networks")).items():
            for key, value in as_tree(how).items():
                if key != "aliases" and value is not None:
                    self._refuse(f"networks.{network}.{key}", value, service=name)
            attached[network] = {"aliases": as_list(as_tree(how).get("aliases"))}
        return attached

    def _ports(self, name: str, keys: Tree) -> Iterator[dict[str, Any]]:
        """Yield the ports that a node may publish.

        In host mode: ingress needs IPVS, and goes with no names. It listens on every address of
        the node, so what is for this machine alone is not published: a link brings it here.
        """
        for place, port in enumerate(map(as_tree, as_list(keys.get("ports")))):
            key, address = f"ports[{place}]", str(port.get("host_ip", ""))
            published = str(port.get("published", ""))
            if _loopback(address):
                continue
            if address not in {"", "0.0.0.0", "::"}:  # noqa: S104 - nothing is bound here
                wanted = "127.0.0.1 or 0.0.0.0: a Swarm cannot publish on one address"
                self._refuse(f"{key}.host_ip", address, wanted, service=name)
            elif not published.isdecimal():
                self._refuse(f"{key}.published", published, "one port", service=name)
            else:
                yield {
                    "target": port.get("target"),
                    "published": int(published),
                    "protocol": port.get("protocol", "tcp"),
                    "mode": "host",
                }

    def _mounts(self, name: str, keys: Tree) -> Iterator[Tree]:
        """Yield the mounts; a folder of this machine is on no other node."""
        for place, mount in enumerate(map(as_tree, as_list(keys.get("volumes")))):
            source = mount.get("source", "")
            if mount.get("type") != "bind":
                size = as_tree(mount.get("tmpfs")).get("size")
                yield {**mount, "tmpfs": {"size": int(str(size))}} if size else mount
            elif source not in self._empty:
                wanted = "a named volume: a folder of this machine is on no other node"
                self._refuse(f"volumes[{place}].source", source, wanted, service=name)

    def _deploy(self, name: str, keys: Tree) -> dict[str, Any]:
        """Return how Swarm is to run a service: one task, on its node, found by name."""
        written = as_tree(keys.get("deploy"))
        resources = as_tree(written.get("resources"))
        reserved = as_tree(resources.get("reservations"))
        for key in ("devices", "generic_resources"):
            if reserved.get(key):
                where = f"deploy.resources.reservations.{key}"
                self._refuse(where, reserved[key], service=name)
        if keys.get("x-data-group") and written.get("replicas", 1) != 1:
            wanted = "1: several would write to the same data"
            self._refuse("deploy.replicas", written["replicas"], wanted, service=name)
        limits = {
            "memory": keys.get("mem_limit"),
            "cpus": keys.get("cpus"),
            "pids": keys.get("pids_limit"),
        }
        found = {
            "limits": _resources({**limits, **as_tree(resources.get("limits"))}),
            "reservations": _resources({"memory": keys.get("mem_reservation"), **reserved}),
        }
        deploy = {
            # without IPVS a virtual address leads nowhere, and nobody says so
            "endpoint_mode": "dnsrr",
            **written,
            "resources": {key: one for key, one in found.items() if one},
            "placement": self._placement(name, keys),
            "restart_policy": written.get("restart_policy") or _restarts(keys.get("restart")),
        }
        return {key: one for key, one in deploy.items() if one}

    def _placement(self, name: str, keys: Tree) -> dict[str, Any]:
        written = as_tree(as_tree(keys.get("deploy")).get("placement"))
        constraints = list(as_list(written.get("constraints")))
        if label := _label_wanted(keys):
            constraints.append("node.labels.{}=={}".format(*label))
        if node := self._places.get(name):
            constraints.append(f"node.id=={node}")
        return {**written, **({"constraints": constraints} if constraints else {})}

    def _network(self, key: str, keys: Tree) -> dict[str, Any]:
        """Return a network that reaches over all nodes; containers of a node may join it."""
        options = as_tree(keys.get("driver_opts"))
        for name, value in (*keys.items(), *options.items()):
            known = name in _OF_NETWORK or name in {"driver_opts", "encrypted"}
            if not known and value not in (None, False):
                self._refuse(f"networks.{key}.{name}", value)
        if keys.get("driver", "bridge") not in {"bridge", "overlay"}:
            self._refuse(f"networks.{key}.driver", keys["driver"], "overlay, or nothing")
        kept = {name: one for name, one in keys.items() if one}
        if keys.get("external"):
            return kept
        return {"attachable": True, **kept, "driver": "overlay"}

    def _volumes(self, services: Mapping[str, Tree]) -> dict[str, Any]:
        """Return the volumes that are mounted, with the labels by which Compose knows them."""
        mounted = _sources(services, "volumes")
        volumes = {}
        for key, keys in self._part("volumes"):
            if key in mounted:
                own = {PROJECT_LABEL: self._project, VOLUME_LABEL: key}
                marks = {} if keys.get("external") else {"labels": {**own, **_labels(keys)}}
                volumes[key] = {**{name: one for name, one in keys.items() if one}, **marks}
        return volumes

    def _content(self, kind: str, key: str, keys: Tree) -> dict[str, Any]:
        """Return a config or a secret, under a name that changes with its content."""
        if keys.get("external"):
            return dict(keys)
        file = keys.get("file", "")
        if file not in self._digests:
            wanted = "a file that can be read, or external: true"
            self._refuse(f"{kind}.{key}", keys, wanted)
            return {}
        name = str(keys.get("name") or f"{self._project}_{key}")[: LONGEST_NAME - HASH - 1]
        return {"file": file, "name": f"{name}_{self._digests[file][:HASH]}"}


def _kernel(document: Tree) -> Iterator[str]:
    """Yield what a stack needs of kernels, and loses in silence without."""
    deploys = (as_tree(as_tree(one).get("deploy")) for one in document["services"].values())
    if any(one.get("endpoint_mode") == "vip" for one in deploys):
        yield "IP_VS"
    networks = map(as_tree, as_tree(document.get("networks")).values())
    if any("encrypted" in as_tree(one.get("driver_opts")) for one in networks):
        yield "INET_ESP"


def contents(config: Tree) -> frozenset[str]:
    """Return the paths of the files whose digests `stack` wants."""
    parts = (as_tree(config.get(kind)).values() for kind in ("configs", "secrets"))
    files = (as_tree(one).get("file") for part in parts for one in part)
    return frozenset(str(file) for file in files if file)


def folders(config: Tree) -> frozenset[str]:
    """Return the paths of this machine that services mount, of which `stack` asks who is empty."""
    services = map(as_tree, as_tree(config.get("services")).values())
    mounts = (as_tree(one) for service in services for one in as_list(service.get("volumes")))
    return frozenset(str(one.get("source")) for one in mounts if one.get("type") == "bind")


def _label_wanted(service: Tree) -> tuple[str, str] | None:
    """Return the label that a node must have for a service, and its value; None for any node."""
    written = str(as_tree(service.get("x-place")).get("label", ""))
    name, _, value = written.partition("=")
    return (name, value) if name else None


def _healthcheck(keys: Tree) -> dict[str, Any]:
    if not keys:
        return {}
    period = max(seconds(str(keys.get("start_period", "0s"))) or 0.0, PATIENCE)
    return {**keys, "start_period": f"{period:g}s"}


def _restarts(policy: object) -> dict[str, Any]:
    """Return what is not Swarm's own way, which is to start anew whatever ends."""
    word, _, most = str(policy or "no").partition(":")
    if word in {"always", "unless-stopped"}:
        return {}
    kind = "on-failure" if word == "on-failure" else "none"
    return {"condition": kind, **({"max_attempts": int(most)} if most else {})}


def _resources(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return limits in the types that Swarm's reader wants; what is none is left out."""
    kinds: Mapping[str, Callable[[Any], Any]] = {"pids": int}
    return {key: kinds.get(key, str)(one) for key, one in keys.items() if one}


def _files(entries: object) -> Iterator[Tree]:
    """Yield configs or secrets of a service; newer Composes write a mode as text, in octal."""
    for entry in map(as_tree, as_list(entries)):
        mode = entry.get("mode")
        yield {**entry, "mode": int(mode, 8)} if isinstance(mode, str) else entry


def _sources(services: Mapping[str, Tree], key: str) -> frozenset[str]:
    """Return what the services name under a key, such as their volumes."""
    entries = (as_tree(one) for service in services.values() for one in as_list(service.get(key)))
    return frozenset(str(one.get("source", "")) for one in entries)


def _labels(keys: Tree) -> Tree:
    return as_tree(keys.get("labels"))


def _narrow(keys: Tree) -> dict[str, str]:
    """Return the label by which a link knows the ports that are for this machine alone."""
    ports = map(as_tree, as_list(keys.get("ports")))
    found = [
        f"{port.get('published')}:{port.get('target')}"
        for port in ports
        if _loopback(str(port.get("host_ip", ""))) and port.get("protocol", "tcp") == "tcp"
    ]
    return {PORTS_LABEL: " ".join(found)} if found else {}


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
