"""What engines and Compose said when they refused, each with code, cause and next step."""

Wanted = tuple[str, str, str]


def refusal(said: str, wanted: Wanted) -> tuple[str, Wanted]:
    """Return a text, and the code, a part of the cause, and of the next step, that it must have."""
    return said, wanted


DAEMON = "Error response from daemon: "
START = "failed to set up container networking: "
TEXTS: dict[str, tuple[str, Wanted]] = {
    "a network of our name made by hand": refusal(
        "network memos-dev_memos_network was found but has incorrect label"
        ' com.docker.compose.network set to "" (expected: "memos_network")',
        ("network-foreign", "memos-dev_memos_network", "network rm memos-dev_memos_network"),
    ),
    "two networks of one name": refusal(
        f"{DAEMON}network memos-dev_memos_network is ambiguous (2 matches found on name)",
        ("network-foreign", "several networks", "network rm ID"),
    ),
    "a network that was pruned": refusal(
        f"{DAEMON}{START}network 1f0ea2b3c4d5e6f7 not found",
        ("network-gone", "1f0ea2b3c4d5", "inv down, then: inv up"),
    ),
    "a network that somebody else is in": refusal(
        f"{DAEMON}error while removing network: network memos-dev_memos_network id 1f0e has"
        " active endpoints",
        ("network-used", "memos-dev_memos_network", "network inspect memos-dev_memos_network"),
    ),
    "no addresses left, Engine 26": refusal(
        "failed to create network memos-dev_memos_network: Error response from daemon: could not"
        " find an available, non-overlapping IPv4 address pool among the defaults to assign to the"
        " network",
        ("addresses-used-up", "no addresses left", "docker network rm NAME"),
    ),
    "no addresses left, Engine 28": refusal(
        f"{DAEMON}all predefined address pools have been fully subnetted",
        ("addresses-used-up", "no addresses left", "default-address-pools"),
    ),
    "a firewall that was loaded anew": refusal(
        f"{DAEMON}driver failed programming external connectivity on endpoint web (1f):  (iptables"
        " failed: iptables --wait -t nat -A DOCKER -p tcp: iptables: No chain/target/match by that"
        " name.",
        ("firewall", "firewall", "systemctl restart docker"),
    ),
    "a kernel that was replaced": refusal(
        f"{DAEMON}failed to create endpoint web on network bridge: failed to add the host"
        " (vethb50ab41) <=> sandbox (veth2a7e1a9) pair interfaces: operation not supported",
        ("kernel-replaced", "updated", "restart the machine"),
    ),
    "an address that the machine lacks": refusal(
        f"{DAEMON}driver failed programming external connectivity on endpoint web (1f): Error"
        " starting userland proxy: listen tcp4 10.9.8.7:6333: bind: cannot assign requested"
        " address",
        ("address-unknown", "BIND_ADDRESS is 10.9.8.7", "BIND_ADDRESS=127.0.0.1"),
    ),
    "an address that the machine lacks, Engine 28": refusal(
        f"{DAEMON}{START}driver failed programming external connectivity on endpoint web: failed to"
        " bind host port 10.9.8.7:6333:172.18.0.2:6333/tcp: cannot assign requested address",
        ("address-unknown", "BIND_ADDRESS is 10.9.8.7", "in .env"),
    ),
    "a port for root, without root": refusal(
        f"{DAEMON}error while calling PortManager.AddPort(): cannot expose privileged port 80,"
        " you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf",
        ("port-forbidden", "port 80", "a port from 1024 on"),
    ),
    "a container of that name": refusal(
        f'{DAEMON}Conflict. The container name "/qdrant-docker" is already in use by container'
        ' "1f".',
        ("name-taken", "qdrant-docker", "rename qdrant-docker qdrant-docker-former"),
    ),
    "a memory limit of nothing": refusal(
        f"{DAEMON}Minimum memory limit allowed is 6MB",
        ("limit-too-small", "6MB is the least", "in .env"),
    ),
    "an image that is not whole": refusal(
        f"{DAEMON}error creating overlay mount to /var/lib/docker/overlay2/1f/merged: no such file",
        ("image-damaged", "not whole", "inv up"),
    ),
    "containerd that is gone": refusal(
        f'{DAEMON}connection error: desc = "transport: error while dialing: dial unix'
        ' /run/containerd/containerd.sock: connect: connection refused"',
        ("engine-part-gone", "containerd", "inv engine.stop"),
    ),
    "a volume whose disk is not there": refusal(
        f"{DAEMON}error evaluating symlinks from mount source"
        ' "/var/lib/docker/volumes/x/_data": lstat /var/lib/docker/volumes/x/_data: no such file',
        ("volume-absent", "/var/lib/docker/volumes/x/_data", "volume inspect"),
    ),
    "a volume that somebody uses": refusal(
        f"{DAEMON}remove memos-dev_etcd_data: volume is in use - [1f0ea2b3]",
        ("volume-used", "memos-dev_etcd_data", "ps --all --filter volume=memos-dev_etcd_data"),
    ),
    "a file where a folder is mounted": refusal(
        f'{DAEMON}failed to create task: error mounting "/home/me/src" to rootfs at "/app/src": not'
        " a directory: unknown: Are you trying to mount a directory onto a file",
        ("mount-missing", "no folder /home/me/src", "MEMOS_SRC"),
    ),
    "no more processes": refusal(
        f"{DAEMON}failed to create task: fork/exec /usr/bin/containerd-shim-runc-v2: resource"
        " temporarily unavailable",
        ("process-limit", "more processes", "pid_max"),
    ),
    "no memory": refusal(
        f"{DAEMON}OCI runtime create failed: runc create failed: fork: cannot allocate memory",
        ("no-memory", "no memory left", "free -h"),
    ),
    "a container that is removed by half": refusal(
        f"{DAEMON}container is marked for removal and cannot be started",
        ("half-removed", "only by half", "then: inv up"),
    ),
    "a container that cannot be ended": refusal(
        f"{DAEMON}cannot stop container: web: tried to kill container, but did not receive an exit"
        " event",
        ("unstoppable", "cannot end a container", "aa-remove-unknown"),
    ),
    "a full disk": refusal(
        f"{DAEMON}mkdir /var/lib/docker/overlay2/1f-init: no space left on device",
        ("disk-full", "no space", "the same again"),
    ),
    "a disk that is read-only": refusal(
        f"{DAEMON}mkdir /var/lib/docker/overlay2/1f-init: read-only file system",
        ("read-only", "read-only", "the same again"),
    ),
    "a port that is taken": refusal(
        f"{DAEMON}driver failed programming external connectivity: Bind for 0.0.0.0:5432 failed:"
        " port is already allocated",
        ("port-taken", "port 5432", "another port for the service"),
    ),
    "a name of an image that is none": refusal(
        "invalid reference format",
        ("image-unknown", "malformed", "NAME_IMAGE or IMAGE_REGISTRY in .env"),
    ),
    "an image that went away": refusal(
        f"{DAEMON}No such image: docker.io/library/neo4j:5.26.4",
        ("image-unknown", "neo4j:5.26.4", "NAME_IMAGE in .env"),
    ),
}
