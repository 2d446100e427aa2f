"""What an engine changes in the host's network: bridges and iptables rules.

No iproute2 is needed. Rules are read and changed with `iptables-save` and `iptables-restore
--noflush`, whose change of a table is all or nothing.
"""

import fcntl
import re
import shlex
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from pathlib import Path

from scripts.core.errors import EngineError

SIOCGIFADDR, SIOCGIFNETMASK, SIOCSIFFLAGS = 0x8915, 0x891B, 0x8914
SIOCBRADDBR, SIOCBRDELBR = 0x89A0, 0x89A1
"""linux/sockios.h"""
INTERFACES = Path("/sys/class/net")
FAMILIES = ("iptables", "ip6tables")
SHARED = "DOCKER"
"""How the chains begin that all engines of a machine share."""
FIRST = "DOCKER-USER"
"""The one that what is forwarded passes first, and that no engine empties."""
GATEWAY = "docker_gwbridge"
"""The bridge by which containers in an overlay of a Swarm reach, and are reached by, others."""
LOOPBACK = {"iptables": "127.0.0.0/8", "ip6tables": "::1/128"}

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The bridges of one engine and the networks behind them."""

    bridges: frozenset[str]
    networks: frozenset[Network]
    chain: str = ""
    """Of rules that no engine makes: see `fence`."""

    def has(self, rule: str) -> bool:
        """Say whether a rule names one of the bridges, or an address behind one."""
        for option, value in pairwise(word for word in shlex.split(rule) if word != "!"):
            if option in {"-i", "-o"} and value in self.bridges:
                return True
            if option in {"-s", "-d"} and self._behind(value):
                return True
        return False

    def _behind(self, address: str) -> bool:
        network = ip_network(address, strict=False)
        return any(_within(network, ours) for ours in self.networks)


def removal(saved: str, ours: Ours, before: str | None) -> str:
    """Return the input for `iptables-restore --noflush` that takes out what is ours.

    `saved` is how the tables are. `before`, how they were before the first engine, is given when
    no other engine runs: then the shared chains go that were not there, and policies come back.
    """
    were = {table: chains for table, chains, _ in _tables(before or "")}
    text = ""
    for table, chains, rules in _tables(saved):
        shared = {chain for chain in chains if chain.startswith(SHARED)}
        gone = shared - were.get(table, {}).keys() if before is not None else set()
        gone |= {ours.chain} & chains.keys()
        lines = [
            f"-D{rule.removeprefix('-A')}"
            for rule in rules
            if rule.split()[1] not in gone and (ours.has(rule) or _target(rule) in gone)
        ]
        lines += [f"-{action} {chain}" for action in "FX" for chain in sorted(gone)]
        if before is not None:
            lines += _policies(chains, were.get(table, {}))
        text += _change(table, lines)
    return text


def lost(before: str, after: str, ours: Ours, interfaces: Iterable[str]) -> str:
    """Return the input for `iptables-restore --noflush` that brings back other engines' rules.

    dockerd empties the shared chains when it starts, as if it were alone (moby,
    libnetwork/drivers/bridge/setup_ip_tables_linux.go, `removeIPChains`).
    """
    there = {table: (chains, rules) for table, chains, rules in _tables(after)}
    others = Ours(bridges=frozenset(interfaces) - ours.bridges, networks=frozenset())
    text = ""
    for table, _, rules in _tables(before):
        chains, left = there.get(table, ({}, []))
        missing = Counter(rules) - Counter(left)
        lines = [
            f"-I{rule.removeprefix('-A')}"
            for rule in reversed(rules)
            if rule in missing
            and rule.split()[1].startswith(SHARED)
            and rule.split()[1] in chains
            and others.has(rule)
            and not ours.has(rule)
        ]
        text += _change(table, lines)
    return text


def fence(saved: str, ours: Ours, family: str) -> str:
    """Return the input for `iptables-restore --noflush` that keeps other hosts from our bridges.

    Before Engine 28 a host on the same network reaches every container by a route, and through
    ports on 127.0.0.1 too (https://github.com/moby/moby/issues/45610). What comes for a port that
    is published on another address goes through.
    """
    chains, rules = next(
        ((chains, rules) for table, chains, rules in _tables(saved) if table == "filter"), ({}, [])
    )
    if FIRST not in chains:
        return ""
    lines = [f":{ours.chain} - [0:0]"]  # emptied where it is there
    for bridge in sorted(ours.bridges):
        begun = f"-A {ours.chain} ! -i {bridge} -o {bridge} -m conntrack --ctstate NEW"
        published = f"-m conntrack ! --ctorigdst {LOOPBACK[family]} --ctstate DNAT"
        lines += [f"{begun} {published} -j RETURN", f"{begun} -j DROP"]
    jump = f"{FIRST} -j {ours.chain}"
    return _change("filter", lines if f"-A {jump}" in rules else [*lines, f"-I {jump}"])


def _change(table: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in [f"*{table}", *lines, "COMMIT"] if lines)


def _tables(saved: str) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Yield each table's name, its chains with their policies, and its rules."""
    for name, body in re.findall(r"^\*(\w+)\n(.*?)^COMMIT$", saved, re.MULTILINE | re.DOTALL):
        chains = dict(re.findall(r"^:(\S+) (\S+)", body, re.MULTILINE))
        yield name, chains, re.findall(r"^-A .*$", body, re.MULTILINE)


def _policies(now: dict[str, str], were: dict[str, str]) -> list[str]:
    """Return the lines that set policies back; a table not yet there then had ACCEPT."""
    changes = {chain: were.get(chain, "ACCEPT") for chain, is_ in now.items() if is_ != "-"}
    return [f":{chain} {was} [0:0]" for chain, was in changes.items() if was != now[chain]]


def _target(rule: str) -> str:
    return next((value for option, value in pairwise(shlex.split(rule)) if option == "-j"), "")


def add_bridge(name: str) -> None:
    """Make a bridge; one that is there already is no error. Raises EngineError."""
    try:
        _ioctl(SIOCBRADDBR, name.encode() + b"\0")
    except FileExistsError:
        return
    except OSError as error:
        raise EngineError(
            f"the kernel makes no network bridge {name}: {error.strerror}",
            next_step="run this where root may change the network (CAP_NET_ADMIN), "
            "or set DOCKER_HOST to another engine",
        ) from error


def delete_bridge(name: str) -> None:
    """Remove a bridge, which must be down for that; one that is gone already is no error."""
    try:
        _ioctl(SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
        _ioctl(SIOCBRDELBR, name.encode() + b"\0")
    except OSError:
        if (INTERFACES / name).exists():
            raise


def our_bridges(main: str, store: Path, chain: str = "") -> Ours:
    """Return an engine's bridges that exist: `main`, and those of the networks in its `store`.

    Of a Swarm's bridge too: rules of a killed engine for it, kept as if they were another one's,
    would lead its published ports to containers of before.

    Docker names a bridge after the first 12 digits of its network's id, which its store (a
    key-value file) has in the clear; so this works for an engine that runs no more, too.
    """
    known = store.read_bytes() if store.is_file() else b""
    names = {path.parent.name for path in INTERFACES.glob("*/bridge")}
    ours = {
        name
        for name in names
        if name == main
        or (re.fullmatch("br-[0-9a-f]{12}", name) and name[3:].encode() in known)
        or (name == GATEWAY and name.encode() in known)
    }
    networks = (_network(name) for name in ours)
    return Ours(
        bridges=frozenset({main, *ours}),
        networks=frozenset(n for n in networks if n is not None),
        chain=chain,
    )


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _network(name: str) -> Network | None:
    request = struct.pack("256s", name.encode())
    try:
        address, mask = (
            socket.inet_ntoa(_ioctl(code, request)[20:24]) for code in (SIOCGIFADDR, SIOCGIFNETMASK)
        )
    except OSError:  # it has no address
        return None
    return ip_network(f"{address}/{mask}", strict=False)


def _ioctl(code: int, argument: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        return fcntl.ioctl(channel, code, argument)
