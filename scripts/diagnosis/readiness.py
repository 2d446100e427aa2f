"""Whether a service is ready, by one look: what every rule about a failing one asks first."""

from scripts.core.look import GONE, Container, Health, Look, State
from scripts.core.stack import Service


def answers(service: Service, look: Look) -> bool:
    """Say whether a service is ready: it runs, and its probes pass.

    Without probes its health check must: now, if it was asked, or else as the engine last saw it,
    up to 45 s ago, or before the machine slept.
    """
    container = look.container(service.name)
    if container is None:
        return False
    if service.one_shot:
        return container.state in GONE and container.exit_code == 0
    if container.state is not State.RUNNING:
        return False
    reading = look.reading(service.name)
    if not service.probes:
        healthy = container.health is Health.HEALTHY
        asked = reading is not None and container.health is not Health.STARTING
        return reading.ok if reading is not None and asked else healthy
    return reading is not None and reading.ok


def failing(service: Service, container: Container, look: Look) -> bool:
    """Say whether a service is known not to be ready: what has yet to be probed is not known."""
    unknown = (
        container.state is State.RUNNING and service.probes and look.reading(service.name) is None
    )
    return not unknown and not answers(service, look)


def last_answer(look: Look, name: str) -> str:
    """Return what a service last answered, or else how its container is."""
    reading, container = look.reading(name), look.container(name)
    if reading is not None:
        return reading.detail
    return (container.health or container.state) if container is not None else "no container"
