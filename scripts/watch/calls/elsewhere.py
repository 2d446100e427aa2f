"""Services that run elsewhere: in a look they stand beside the containers, as what runs.

Nothing of theirs is started, stopped, read or deleted here: they are asked, no more.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from scripts.core.errors import StackError
from scripts.core.look import Away, Container, Reading, State
from scripts.core.stack import Probe, Service, Stack
from scripts.core.texts import printable, short
from scripts.engine.api import Api
from scripts.watch import probes
from scripts.watch.calls import health_check

TIMEOUT = 5.0
"""Seconds for one call; it may be far away."""
LIMIT = 10.0
"""Seconds for a program in the API's container that calls there."""
SHOWN = 60
"""Characters of a version."""
ASKED = """
import json, socket, ssl, sys
host, port, how = json.loads(sys.argv[1])
try:
    with socket.create_connection((host, port), timeout=3) as plain:
        if how:
            context = ssl.create_default_context()
            if how == "unverified":
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.wrap_socket(plain, server_hostname=host).close()
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
"""For the Python of the API's image: does it get there, and with TLS where that is wanted?"""


def container(service: Service) -> Container:
    """Return what stands for a service elsewhere where containers are looked at."""
    return Container(
        id=f"elsewhere-{service.name}",
        service=service.name,
        name=service.name,
        state=State.RUNNING,
        elsewhere=service.elsewhere,
    )


def seen(stack: Stack, found: Iterable[Container]) -> tuple[Container, ...]:
    """Return the containers of a stack, and what runs elsewhere in the place of one."""
    away = {one.name: one for one in stack.services if one.elsewhere}
    here = (one for one in found if one.service not in away)
    return (*here, *map(container, away.values()))


def read(service: Service) -> Reading:
    """Put its probes once; where it fails and answers only to the other kind of connection, say so.

    That is tried without the login.
    """
    reading, probe = probes.read(service, timeout=TIMEOUT), service.probes[0]
    if reading.ok or reading.final or "certificate" in reading.detail:
        return reading
    other = replace(probe, tls="" if probe.tls else "unverified", auth=None, expect="")
    tried = probes.read(replace(service, probes=(other,)), timeout=TIMEOUT)
    if not (tried.ok or tried.final):
        return reading
    words = "not encrypted: https or +s is not" if probe.tls else "encrypted: https or +s is"
    return replace(reading, detail=f"{reading.detail}; what answers there is {words} wanted")


def ask(service: Service, api: Api, inside: Container | None) -> Away:
    """Ask for its version, and from the API's container, if that runs, whether it gets there."""
    probe = service.probes[0]
    return Away(
        service=service.name,
        plain=probe.auth is not None and not probe.tls,
        address=service.elsewhere,
        version=version(service),
        least=service.version.get("least", ""),
        inside=None if inside is None else unreachable(probe, api, inside),
    )


def version(service: Service) -> str:
    """Return the version that it tells; empty where it tells none."""
    if not service.version:
        return ""
    probe = service.probes[0]
    if probe.kind == "bolt":
        from scripts.watch.calls import bolt

        with suppress(*probes.NO_ANSWER, bolt.RefusalError):
            table = bolt.run(probes.way(probe, TIMEOUT), "RETURN 1", {})
            return short(printable(table.server.rpartition("/")[2]), SHOWN)
        return ""
    asked = replace(probe, method="GET", path=service.version["path"], body="")
    _, answer = probes.call(asked, timeout=TIMEOUT)
    told = answer.get(service.version["field"]) if isinstance(answer, dict) else None
    return short(printable(str(told or "")), SHOWN)


def unreachable(probe: Probe, api: Api, inside: Container) -> str:
    """Return why a place is out of reach from within a container; empty where it is not."""
    place = json.dumps([probe.host, probe.port, probe.tls])
    try:
        code, said = health_check.run(api.within(LIMIT), inside, ["python", "-c", ASKED, place])
    except StackError as error:
        return str(error)
    return "" if code == health_check.PASSED else said or f"exit code {code}"
