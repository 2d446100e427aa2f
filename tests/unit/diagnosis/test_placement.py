"""What a Swarm tells of nodes and tasks."""

import pytest

from tests.kit.recorded import Case, check

KILLED = "task: non-zero exit (137): dockerexec: unhealthy container"
FAULTS = {
    "a node that is down": Case(
        state="unknown",
        facts={"error": "node two is down"},
        wanted=("node-down", "node two, which is down; its data is kept", "start two"),
        evidence="node two is down",
    ),
    "an engine that cannot be asked": Case(
        state="unknown",
        facts={"error": "node two does not answer: connection refused"},
        wanted=("node-silent", "node two", "two=USER@HOST"),
        evidence="connection refused",
        fatal=False,
    ),
    "no node with its label": Case(
        state="created",
        facts={
            "error": "no suitable node (scheduling constraints not satisfied on 3 nodes)",
        },
        wanted=("no-node", "no node of the Swarm fits", "docker node ls"),
        evidence="scheduling constraints not satisfied",
    ),
    "no node with its memory": Case(
        state="created",
        facts={"error": "no suitable node (insufficient resources on 3 nodes)"},
        wanted=("no-node", "memory or processors", "docker node inspect"),
        evidence="insufficient resources",
    ),
    "a port that another service of the Swarm has": Case(
        state="created",
        facts={
            "error": "no suitable node (host-mode port already in use on 1 node; scheduling"
            " constraints not satisfied on 2 nodes)"
        },
        wanted=("port-taken", "another service of the Swarm", "docker service ls"),
        evidence="already in use",
    ),
    "a port that a program of its node has": Case(
        state="restarting",
        facts={
            "node": "two",
            "error": "driver failed programming external connectivity on endpoint web (1f): Error"
            " starting userland proxy: listen tcp4 0.0.0.0:8000: bind: address already in use",
        },
        wanted=("port-taken", "port 8000 of node two", "ss -ltnp"),
        evidence="address already in use",
    ),
    "an image that its node does not have": Case(
        facts={"node": "two", "error": "No such image: memos-dev/qdrant:1"},
        wanted=("image-away", "node two does not have its image memos-dev/qdrant:1", "NODES=two="),
        evidence="No such image",
    ),
    "a folder that its node does not have": Case(
        state="restarting",
        facts={
            "node": "two",
            "error": 'invalid mount config for type "bind": bind source path does not exist: /data',
        },
        wanted=("mount-missing", "no folder /data on node two", "make it there"),
        evidence="bind source path does not exist",
    ),
    "a volume of a folder that its node does not have": Case(
        state="restarting",
        facts={
            "node": "two",
            "error": "failed to populate volume: error while mounting volume '/var/lib/docker/"
            "volumes/test_x/_data': failed to mount local volume: mount /data/x:/var/lib/docker/"
            "volumes/test_x/_data, flags: 0x1000: no such file or directory",
        },
        wanted=("mount-missing", "no folder /data/x on node two", "make it there"),
        evidence="failed to mount local volume",
    ),
    "a check that killed it again and again": Case(
        state="running",
        facts={"error": KILLED, "restarts": 3, "health": "starting", "exit_code": 137},
        wanted=("unhealthy-killed", "replaced it 3 times", "inv logs --service"),
        evidence="unhealthy container",
    ),
    "a check that killed it once": Case(
        state="running",
        facts={"error": KILLED, "restarts": 1, "health": "starting", "exit_code": 137},
        wanted=("unhealthy-killed", "the Swarm replaced it", "inv logs --service"),
        evidence="unhealthy container",
        fatal=False,
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_what_a_swarm_tells_has_its_cause(case: Case) -> None:
    """The node is named, and what mends it."""
    check(case)
