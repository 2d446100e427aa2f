"""A machine that ssh leads to: Debian's sshd, unpacked and not installed, in a node of a network.

The node that logs in has keys and settings of its own in the place of ~/.ssh; this machine's own
accounts and files stay as they are, because both stand in mounts of the nodes alone.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.machines.network import Node
from tests.kit.places import ROOT

PACKAGES = ("openssh-server", "libwrap0")
KEPT = ROOT / ".cache" / "lab" / "sshd"
"""Where they are unpacked, once for all tests of a checkout."""
NAME = "far"
"""How the settings of who logs in call the machine."""
SETTINGS = """\
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PrintMotd no
LogLevel VERBOSE
SetEnv PATH={path} {variables}
"""
"""What is not in here is as OpenSSH has it: MaxStartups and MaxSessions too."""
SERVE = """\
mkdir -p /run/sshd
mount --bind "$1/passwd" /etc/passwd
exec "$2" -D -e -f "$1/sshd_config"
"""
LOG_IN = 'mkdir -p ~/.ssh && chmod 700 ~/.ssh && mount --bind "$1" ~/.ssh'


@contextmanager
def ssh_host(node: Node, desk: Node, folder: Path, **variables: str) -> Iterator[str]:
    """Run an sshd in a node while the block runs; `desk` gets in with `ssh far`. Give its log.

    `variables` are those of commands that are run there, such as DOCKER_HOST.
    """
    with served(node, prepared(node, desk, folder, NAME, **variables)) as log:
        yield log


def prepared(node: Node, desk: Node, folder: Path, name: str, **variables: str) -> Path:
    """Let `desk` get into a node with `ssh NAME`, once an sshd of this folder is `served` there.

    It may get into several.
    """
    there, client = folder / f"{node.name}-sshd", folder / f"{desk.name}-ssh"
    first = not client.exists()
    for place in (there, client) if first else (there,):
        place.mkdir(mode=0o700)
    for key in (there / "host_key", client / "key") if first else (there / "host_key",):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)]
        subprocess.run(argv, check=True)
    shutil.copy(client / "key.pub", there / "authorized_keys")
    accounts = Path("/etc/passwd").read_text(encoding="utf-8")
    if "\nsshd:" not in accounts:
        accounts += "sshd:x:64997:65534::/run/sshd:/usr/sbin/nologin\n"
    (there / "passwd").write_text(accounts, encoding="utf-8")
    told = " ".join(f"{key}={value}" for key, value in variables.items())
    text = SETTINGS.format(
        address=node.address, folder=there, path=os.environ["PATH"], variables=told
    )
    (there / "sshd_config").write_text(text, encoding="utf-8")
    public = (there / "host_key.pub").read_text(encoding="utf-8")
    with (client / "known_hosts").open("a", encoding="utf-8") as known:
        known.write(f"{node.address} {public}")
    with (client / "config").open("a", encoding="utf-8") as config:
        config.write(
            f"Host {name}\n  HostName {node.address}\n  User root\n"
            f"  IdentityFile ~/.ssh/key\n  IdentitiesOnly yes\n"
        )
    if first:
        desk.run("sh", "-c", LOG_IN, "sh", str(client))
    return there


@contextmanager
def served(node: Node, there: Path) -> Iterator[str]:
    """Run the sshd of a folder in a node while the block runs; give its log."""
    tree = unpacked()
    log = there / "log"
    words = node.words("sh", "-c", SERVE, "sh", str(there), str(tree / "usr/sbin/sshd"))
    libraries = next(tree.glob("**/libwrap.so.0")).parent
    with log.open("ab") as heard:
        server = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=heard,
            stderr=heard,
            env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
        )
        try:
            yield str(log)
        finally:
            server.terminate()
            server.wait()


def unpacked() -> Path:
    """Return the folder with an sshd in it; Debian's packages are fetched where it is not there."""
    if not KEPT.exists():
        fresh = KEPT.with_name(f"sshd.{os.getpid()}")
        fresh.mkdir(parents=True)
        subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=fresh, check=True)
        for package in fresh.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(fresh)], check=True)
        fresh.rename(KEPT)
    return KEPT
