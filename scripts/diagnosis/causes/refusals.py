"""Causes that the engine or Compose tells when it refuses to make, start, stop or remove.

Texts are those of moby, libnetwork, runc and Compose, of Engine 25 to 29 and Compose 2.24 to 5.
"""

import re
from collections.abc import Iterable

from scripts.core.finding import DOCKER, Finding
from scripts.diagnosis.causes.pulls import pull_cause
from scripts.diagnosis.failure import Cause, Failure, known_by

AGAIN = (
    "restart the engine (systemctl restart docker; a private one: inv engine.stop), then: inv up"
)
"""What mends an engine that has lost a part of itself; the data stays."""


def _refusal(failure: Failure) -> Iterable[str]:
    return (failure.container.error,)


def _last_said(failure: Failure) -> Iterable[str]:
    return failure.lines[-2:] if failure.container.error else ()


@known_by(
    r"Bind for \S+?:(?P<port>\d+) failed: port is already allocated",
    r"listen \w+ \S+?:(?P<port>\d+): bind: address already in use",
    r"failed to bind host port \S+?:(?P<port>\d+)/\w+: address already in use",
    r"(?P<windows>exposing port \w+ )\S+?:(?P<port>\d+) -> ",
    r"(?P<windows>)listen \w+ \S+?:(?P<port>\d+): bind: An attempt was made to access",
    within=_refusal,
)
def port_taken(failure: Failure, match: re.Match[str]) -> Cause:
    """Another program has the port; four texts, by engine (moby, Engine 27, 28, Docker Desktop)."""
    holder, command = "another program", f"ss -ltnp 'sport = :{match['port']}'"
    where = f"node {failure.container.node}" if failure.container.node else "this machine"
    if "windows" in match.re.groupindex:
        holder = "a program or a range that Windows reserves"
        command = "netsh interface ipv4 show excludedportrange protocol=tcp"
    return Cause(
        "port-taken",
        f"port {match['port']} of {where} is held by {holder}",
        f"{command} tells who; stop it, or choose another port for {failure.who} in .env;"
        " then: inv up",
    )


@known_by(
    r"cannot expose privileged port (?P<port>\d+)",  # rootless
    r"listen \w+ \S+?:(?P<port>\d+): bind: permission denied",
    within=_refusal,
)
def port_forbidden(failure: Failure, match: re.Match[str]) -> Cause:
    """Ports below 1024 are for root, and this engine is not."""
    return Cause(
        "port-forbidden",
        f"this engine may not open port {match['port']}: those below 1024 are for root",
        f"a port from 1024 on for {failure.who} in .env, then: inv up",
    )


@known_by(
    r"listen \w+ (?P<address>\S+):\d+: bind: cannot assign requested address",
    r"failed to bind host port \S*?(?P<address>[\d.]+):\d+(?::\S+)?/\w+: cannot assign requested",
    within=_refusal,
)
def address_unknown(_: Failure, match: re.Match[str]) -> Cause:
    """Ports are to be published at an address that the engine's machine does not have."""
    return Cause(
        "address-unknown",
        f"BIND_ADDRESS is {match['address']}, which is no address of the engine's machine",
        "BIND_ADDRESS=127.0.0.1 in .env, or one that ip address shows there; then: inv up",
    )


@known_by(r"container name \"/?(?P<name>[^\"]+)\" is already in use", within=_refusal)
def name_taken(_: Failure, match: re.Match[str]) -> Cause:
    """A container of that name belongs to nobody, or to another project."""
    return Cause(
        "name-taken",
        f"there is a container {match['name']} already, which is none of this stack",
        f"{DOCKER} rename {match['name']} {match['name']}-former; or CONTAINER_PREFIX in .env;"
        " then: inv up",
    )


@known_by(
    r"bind source path does not exist: (?P<path>\S+)",
    r"error mounting \"(?P<path>[^\"]+)\" to rootfs.*(?:not a directory|no such file)",  # runc
    r"failed to mount local volume: mount (?P<path>[^:]+):.*: no such file",  # volume/local
    within=_refusal,
)
def mount_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """A folder that the container wants to see is not there; moby, volume/mounts/validate.go."""
    where, step = "the engine's machine", "correct the path in .env (MEMOS_SRC), then"
    if failure.container.node:
        where, step = f"node {failure.container.node}", "make it there, or correct its volume; then"
    told = f"there is no folder {match['path']} on {where}"
    return Cause("mount-missing", told, f"{step}: {failure.up}")


def image_missing(failure: Failure) -> Finding | None:
    """Its image cannot be had; the texts of pulls."""
    error = failure.container.error
    pulled = any(word in error for word in ("image", "manifest", "pull", "reference format"))
    cause = pull_cause(error) if pulled else None
    return failure.finding(cause, error) if cause is not None else None


@known_by(
    r"error creating overlay mount",
    r"failed to register layer: (?:duplicates|.*does not exist)|layer does not exist",
    r"snapshot \S+ does not exist|content digest \S+: not found",
    within=_refusal,
)
def image_damaged(failure: Failure, _: re.Match[str]) -> Cause:
    """What the engine keeps of the image is not whole."""
    image = failure.service.image
    anew = f"{DOCKER} image rm --force {image}" if image else "inv images.pull, or inv images.build"
    what = f"the engine's copy of {image or 'an image'} is not whole"
    return Cause("image-damaged", what, f"{anew}; then: inv up")


@known_by(r"exec: \"(?P<name>[^\"]+)\": (?:executable file|stat)", within=_last_said)
def program_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """The image lacks the program to run."""
    return Cause(
        "program-missing",
        f"{failure.image} has no program {match['name']}",
        f"another image for {failure.who} in .env, then: {failure.up}",
    )


@known_by(
    r"[Mm]inimum memory limit allowed is (?P<least>\d+ ?\w+)",
    r"(?P<least>)memory limit should be larger than already set memoryswap limit",
    within=_refusal,
)
def limit_too_small(failure: Failure, match: re.Match[str]) -> Cause:
    """The engine makes no container with so little memory; moby, daemon_unix.go."""
    least = f"; {match['least']} is the least" if match["least"] else ""
    variable = failure.variable("MEMORY") if failure.name else "each NAME_MEMORY"
    return Cause(
        "limit-too-small",
        f"a memory limit is smaller than the engine takes{least}",
        f"correct {variable} in .env (.env.example has the defaults), then: inv up",
    )


@known_by(
    r"error evaluating symlinks from mount source \"(?P<path>[^\"]+)\"",
    r"error while mounting volume '(?P<path>[^']+)'|(?P<other>failed to mount local volume)",
    within=_refusal,
)
def volume_absent(_: Failure, match: re.Match[str]) -> Cause:
    """What the volume lies on is not there: a disk that is not mounted, or a folder deleted."""
    return Cause(
        "volume-absent",
        f"the engine cannot reach what a volume lies on ({match['path'] or 'its disk'})",
        f"{DOCKER} volume inspect shows where it lies; mount that disk or bring the folder back,"
        " then: inv up",
    )


@known_by(r"remove (?P<name>\S+): volume is in use", within=_refusal)
def volume_used(_: Failure, match: re.Match[str]) -> Cause:
    """A container of somebody else has it mounted."""
    return Cause(
        "volume-used",
        f"somebody else's container has the volume {match['name']}",
        f"{DOCKER} ps --all --filter volume={match['name']} tells whose; once that is gone, the"
        " same again",
    )


@known_by(r"network (?P<name>\S+) was found but has incorrect label", within=_refusal)
def network_foreign(_: Failure, match: re.Match[str]) -> Cause:
    """Somebody made a network of our name by hand (https://github.com/docker/compose/issues/10797)."""
    return Cause(
        "network-foreign",
        f"there is a network {match['name']} already, which was not made for this stack",
        f"{DOCKER} network rm {match['name']} (refused while somebody uses it), then: inv up",
    )


@known_by(
    r"network (?P<name>\S+) is ambiguous|(?P<count>\d+) matches found based on name",
    r"multiple networks with name \"?(?P<name>[^\s\"]+)",
    within=_refusal,
)
def network_twice(_: Failure, match: re.Match[str]) -> Cause:
    """There are two networks of one name, which only an id tells apart."""
    name = match["name"] or "of the stack"
    return Cause(
        "network-foreign",
        f"there are several networks with the name {name}",
        f"{DOCKER} network ls; docker network rm ID of the one that nobody uses; then: inv up",
    )


@known_by(r"network (?P<name>[\w.-]+) (?:was )?not found", within=_refusal)
def network_gone(_: Failure, match: re.Match[str]) -> Cause:
    """It was pruned while all stood still (https://github.com/docker/compose/issues/5745)."""
    return Cause(
        "network-gone",
        f"its network ({match['name'][:12]}) was removed, as docker network prune does while the"
        " stack stands still",
        "inv down, then: inv up (containers and network are made anew, the data stays)",
    )


@known_by(r"[Nn]etwork (?P<name>\S+) .*has active endpoints", within=_refusal)
def network_used(_: Failure, match: re.Match[str]) -> Cause:
    """A container of somebody else is in the network, so that it cannot go."""
    name = match["name"].rstrip(":")
    return Cause(
        "network-used",
        f"somebody else's container is in the network {name}",
        f"{DOCKER} network inspect {name} tells whose; docker network disconnect {name} NAME takes"
        " it out; then: inv down",
    )


@known_by(
    r"could not find an available, non-overlapping IPv\d address pool",
    r"all predefined address pools have been fully subnetted",
    within=_refusal,
)
def addresses_used_up(_: Failure, __: re.Match[str]) -> Cause:
    """Each network takes a range of addresses, and an engine has about thirty."""
    return Cause(
        "addresses-used-up",
        "the engine has no addresses left for another network",
        f"{DOCKER} network ls; docker network rm NAME of what you need no more; then: inv up; or"
        " more default-address-pools in the engine's daemon.json",
    )


@known_by(
    r"iptables.*No chain/target/match by that name",
    r"Failed to Setup IP tables|Unable to enable .* (?:NAT|DNAT|FORWARD)\w* rule",
    within=_refusal,
)
def firewall_reloaded(_: Failure, __: re.Match[str]) -> Cause:
    """A firewall was loaded anew and took the engine's rules with it."""
    return Cause("firewall", "a firewall was loaded anew, and the engine's rules are gone", AGAIN)


@known_by(
    r"failed to add the host .*<=> sandbox .*: operation not supported",
    r"(?:operation not supported|invalid argument).*veth|veth.*operation not supported",
    within=_refusal,
)
def kernel_replaced(_: Failure, __: re.Match[str]) -> Cause:
    """The modules of the running kernel are gone: it was updated."""
    return Cause(
        "kernel-replaced",
        "the kernel makes no network devices; most often it was updated and has yet to be started",
        "restart the machine, then: inv up",
    )


@known_by(
    r"containerd[\w/.-]*\.sock|transport: [Ee]rror while dialing",
    r"containerd: container did not start|failed to start containerd",
    within=_refusal,
)
def containerd_gone(_: Failure, __: re.Match[str]) -> Cause:
    """The engine's other half does not answer it."""
    return Cause("engine-part-gone", "containerd does not answer the engine", AGAIN)


@known_by(r"fork/exec \S+: resource temporarily unavailable", within=_refusal)
def process_limit(_: Failure, __: re.Match[str]) -> Cause:
    """The kernel's EAGAIN for a new process."""
    return Cause(
        "process-limit",
        "the engine may not start more processes",
        "cat /proc/sys/kernel/pid_max, and TasksMax of the engine's unit; end what you do not"
        " need; then: inv up",
    )


@known_by(r"(?i)cannot allocate memory|not enough memory", within=_refusal)
def no_memory(_: Failure, __: re.Match[str]) -> Cause:
    """The kernel's ENOMEM."""
    return Cause(
        "no-memory",
        "the engine's machine has no memory left",
        "free -h; end other programs, or start less: inv up --service neo4j",
    )


@known_by(
    r"is marked for removal and cannot be started",
    r"removal of container \S+ is already in progress",
    r"failed to remove root filesystem",
    within=_refusal,
)
def half_removed(failure: Failure, _: re.Match[str]) -> Cause:
    """Its container was being removed when something went wrong; its volumes stay."""
    name = failure.container.name
    removal = f"{DOCKER} rm --force {name}, then: inv up" if name else "inv down, then: inv up"
    return Cause("half-removed", "its container is removed only by half", removal)


@known_by(
    r"did not receive an exit event",
    r"cannot (?:stop|kill) container: .*permission denied",
    within=_refusal,
)
def unstoppable(_: Failure, __: re.Match[str]) -> Cause:
    """The engine cannot end a container: a hung disk, or AppArmor's rules of another engine."""
    return Cause(
        "unstoppable",
        "the engine cannot end a container",
        f"{AGAIN}; where AppArmor forbids it: sudo aa-remove-unknown",
    )
