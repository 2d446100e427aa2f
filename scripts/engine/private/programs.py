"""Docker's programs of a checkout's private engine: fetched, unpacked, linked.

Compose is among them, which resolves files also where no engine runs.
"""

import json
import os
import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.core.process import Runner
from scripts.core.progress import Say, phase
from scripts.engine.places import Places, client_env, places
from scripts.machine.apt import Deb, PrivateApt, unpack
from scripts.machine.apt_sources import SECURITY, find_mirror
from scripts.machine.system import System, this_system

DEBIAN = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd")
UBUNTU = ("docker.io", "docker-compose-v2", "docker-buildx", "containerd")
"""Not tried."""
COMMON = (
    *("runc", "tini", "iptables", "libip4tc2", "libip6tc2", "libxtables12", "libnftnl11"),
    *("libmnl0", "libnetfilter-conntrack3", "libnfnetlink0"),
)
NEWER: Mapping[str, str] = {"bookworm": "trixie"}
"""Hosts whose own docker.io is too old, and the release whose one runs there."""
XTABLES = ("iptables", "iptables-save", "iptables-restore")
NOFILE = 1_048_576
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def have(checkout: Checkout) -> Mapping[str, str]:
    """Return the environment in which `docker compose` is found; fetch it where there is none.

    Raises RefusedError and ConfigError as a fetch does.
    """
    env = found(checkout)
    if env is None:
        bring(checkout)
        env = client_env(places(checkout.root), checkout.environ)
    return env


def found(checkout: Checkout) -> Mapping[str, str] | None:
    """Return the environment in which `docker compose` is found; None where it would be fetched."""
    try:
        asked = checkout.runner(["docker", "compose", "version", "--short"], timeout=30.0)
    except RefusedError:
        pass
    else:
        if asked.exit_code == 0:
            return {}
    at = places(checkout.root)
    return client_env(at, checkout.environ) if present(at, this_system()) else None


def packages(system: System) -> tuple[str, ...]:
    """Return the names of the packages."""
    return (*(UBUNTU if system.family == "ubuntu" else DEBIAN), *COMMON)


def pins(newer: str) -> str:
    """Return apt's preferences: Docker from a newer release, with its security updates."""
    releases = (newer, f"{newer}{SECURITY}")
    priorities = {"*": 100, " ".join(DEBIAN): 990}
    return "\n".join(
        f"Package: {names}\nPin: release n={release}\nPin-Priority: {priority}\n"
        for names, priority in priorities.items()
        for release in releases
    )


def present(at: Places, system: System) -> bool:
    """Say whether the programs are there, all of them and the right ones."""
    stamp = files.read_object(at.home / "packages.json")
    return stamp.get("wanted") == list(packages(system))


def bring(checkout: Checkout) -> None:
    """Fetch and unpack the programs where they are not there yet, and link them.

    What is broken off leaves no stamp, and the next run begins that step again. Raises
    ConfigError and RefusedError as `find_mirror` and `PrivateApt.fetch` do.
    """
    at, system, runner = places(checkout.root), this_system(), checkout.runner

    def say(line: str) -> None:
        checkout.say(f"engine: {line}")

    if not present(at, system):
        with phase(checkout.note, "engine", "download"):
            debs = fetched(at, system, runner=runner, say=say)
        with phase(checkout.note, "engine", "unpack"):
            install(at, system, debs, runner=runner, say=say)
    link(at)


def fetched(at: Places, system: System, *, runner: Runner, say: Say) -> tuple[Deb, ...]:
    """Return the package files, which lie in `at.debs` then; errors as in `bring`."""
    mirror = find_mirror(system, system.family)
    newer = NEWER.get(system.codename, "")
    source = PrivateApt(
        at.cache,
        sources=mirror.lines() + (mirror.lines(newer) if newer else ""),
        preferences=pins(newer) if newer else "",
        runner=runner,
        say=say,
    )
    return source.fetch("download", *packages(system))


def install(at: Places, system: System, debs: tuple[Deb, ...], *, runner: Runner, say: Say) -> None:
    """Unpack the programs from package files in `at.debs`; RefusedError when that fails."""
    partial = at.home / "root.partial"
    unpack(partial, [at.debs / deb.name for deb in debs], runner=runner, say=say)
    shutil.rmtree(at.tree, ignore_errors=True)
    partial.rename(at.tree)
    stamp = {"wanted": packages(system), "files": [deb.name for deb in debs]}
    (at.home / "packages.json").write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def link(at: Places) -> None:
    """Make the folders and names under which the programs are found."""
    for folder in ("bin", "sbin", "docker/cli-plugins"):
        shutil.rmtree(at.home / folder, ignore_errors=True)
        (at.home / folder).mkdir(parents=True)
    _link(at.docker, at.tree / "usr/bin/docker")
    for plugin in at.tree.glob("usr/lib*/docker/cli-plugins/docker-*"):
        _link(at.home / "docker/cli-plugins" / plugin.name, plugin)
    _link(at.home / "sbin/docker-init", at.tree / "usr/bin/tini-static")
    choose_xtables(at, "legacy")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = NOFILE if soft == resource.RLIM_INFINITY else min(soft, NOFILE)
    # A shell's 1024 would be too few for the databases; a system's dockerd gives as many.
    limits = {"nofile": {"Name": "nofile", "Soft": limit, "Hard": limit}}
    (at.home / "daemon.json").write_text(json.dumps({"default-ulimits": limits}), encoding="utf-8")


def _link(name: Path, program: Path) -> None:
    """Make a link that still holds when the checkout is moved."""
    name.symlink_to(os.path.relpath(program, name.parent))


def choose_xtables(at: Places, variant: str) -> None:
    """Write the iptables and ip6tables programs of `variant`: legacy or nft.

    They are scripts, so that the path of their libraries reaches no other program. They find it
    from where they are, also after the checkout was moved.
    """
    for name in (*XTABLES, *(name.replace("ip", "ip6", 1) for name in XTABLES)):
        script = at.home / "sbin" / name
        script.write_text(
            f"#!/bin/sh\nroot=${{0%/*}}/../{at.tree.name}\n"
            f'export LD_LIBRARY_PATH="$root/{LIBRARIES}"\n'
            'export XTABLES_LIBDIR="$LD_LIBRARY_PATH/xtables"\n'
            f'exec "$root/usr/sbin/xtables-{variant}-multi" {name} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)
