"""Causes that a Swarm tells: a machine that is gone, no machine that fits, a check that kills.

Texts are those of moby and swarmkit 26.1, and of `engine/swarm/tasks.py`.
"""

import re
from collections.abc import Iterable

from scripts.diagnosis.failure import CRASHES, Cause, Failure, known_by


def _said(failure: Failure) -> Iterable[str]:
    return (failure.container.error,)


@known_by(r"node (?P<node>\S+) is down", within=_said)
def node_down(_: Failure, match: re.Match[str]) -> Cause:
    """The manager has not heard of its node for a while."""
    return Cause(
        "node-down",
        f"it is on node {match['node']}, which is down; its data is kept there",
        f"start {match['node']} and its engine again: all that ran there comes back by itself;"
        " docker node ls tells when",
    )


@known_by(r"node (?P<node>\S+) does not answer: (?P<why>.*)", within=_said)
def node_silent(_: Failure, match: re.Match[str]) -> Cause:
    """Its node's engine cannot be asked from here; the manager may know better."""
    return Cause(
        "node-silent",
        f"the engine of node {match['node']}, which it is on, cannot be asked",
        f"start it; or correct NODES in .env: {match['node']}=USER@HOST",
        fatal=False,
    )


@known_by(r"no suitable node \((?P<why>.*)\)", within=_said)
def no_node(failure: Failure, match: re.Match[str]) -> Cause:
    """Swarm finds no node that has what it needs (swarmkit, manager/scheduler/filter.go)."""
    why = match["why"]
    if "port already in use" in why:
        taken = "another service of the Swarm publishes its port on the only node that fits"
        step = (
            f"docker service ls tells whose; another port for {failure.who} in .env; then: inv up"
        )
        return Cause("port-taken", taken, step)
    if "insufficient resources" in why:
        short = "no node that fits has the memory or processors that are reserved for it"
        return Cause("no-node", short, "docker node inspect NODE tells what it has; then: inv up")
    step = "docker node ls shows the nodes, docker node inspect NODE its labels; then: inv up"
    return Cause("no-node", "no node of the Swarm fits", step)


@known_by(r"No such image: (?P<image>\S+)", within=_said)
def image_away(failure: Failure, match: re.Match[str]) -> Cause | None:
    """Its node has no such image, and could not pull it."""
    if not failure.container.node:
        return None
    node = failure.container.node
    return Cause(
        "image-away",
        f"node {node} does not have its image {match['image']}",
        f"inv up, which brings it there by NODES={node}=USER@HOST in .env; or pull it there",
    )


@known_by(r"dockerexec: unhealthy container", within=_said)
def unhealthy_killed(failure: Failure, _: re.Match[str]) -> Cause:
    """Swarm kills and replaces what its health check calls sick."""
    times = failure.container.restarts
    often = f" {times} times" if times > 1 else ""
    return Cause(
        "unhealthy-killed",
        f"its health check failed for so long that the Swarm replaced it{often}",
        f"inv logs --service {failure.name}",
        fatal=times >= CRASHES,
    )
