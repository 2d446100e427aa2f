"""Calls to the services of a stack whose answer must be a good one."""

import json
from dataclasses import replace
from typing import Any

from scripts.core.errors import BrokenError
from scripts.core.stack import Stack
from scripts.watch.probes import call
from scripts.watch.published import behind, require_login

TIMEOUT = 60.0
"""Seconds for one call; the first memory took 2.7 s on two cores."""
OK = 200


def ask(stack: Stack, target: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the service behind a container port; BrokenError unless it answers 200 and JSON."""
    service, probe = behind(stack, target)
    status, answer = call(
        replace(probe, method="POST", path=path, body=json.dumps(body)), timeout=TIMEOUT
    )
    demand(bool(status), service.name, f"POST {path} was not answered: {answer}")
    require_login(service, probe, status)
    demand(
        status == OK and isinstance(answer, dict),
        service.name,
        f"POST {path} answered {status}: {short(answer)}",
    )
    return dict(answer)


def demand(holds: bool, service: str, otherwise: str) -> None:  # noqa: FBT001 - reads as assert
    """Raise BrokenError with what is wrong with a service, unless all is well."""
    if not holds:
        raise BrokenError(f"{service}: {otherwise}", next_step=f"inv logs --service {service}")


def short(answer: object) -> str:
    """Return the beginning of an answer, as it is quoted."""
    return json.dumps(answer, ensure_ascii=False)[:300]
