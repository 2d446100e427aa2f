"""Pure: one line about each area of a checkup; empty when nothing is known of it."""

from scripts.config.settings import lines
from scripts.core.look import State
from scripts.core.units import size
from scripts.diagnosis.preflight import GIB
from scripts.diagnosis.readiness import answers
from scripts.doctor.facts import Facts

FIRST_ANSWER = "2"
"""How the reading of a rejected call begins that was answered all the same (an HTTP status)."""


def settings(facts: Facts) -> str:
    """Say which file holds."""
    if facts.settings.missing or facts.settings.unreadable:
        return "the defaults of .env.example hold"
    count = sum(bool(line.name) for line in lines(facts.settings.text))
    return f"{facts.settings.file}: {count} variables"


def engine(facts: Facts) -> str:
    """Return the versions."""
    found = facts.engine.found
    if found is None:
        return ""
    kind = "private" if found.private else found.endpoint
    return f"{found.version} ({kind}), Compose {facts.engine.compose or 'not known'}"


def compose(facts: Facts) -> str:
    """Say how many services there are."""
    count = len(facts.stack.services) if facts.stack else 0
    return f"{count} services" if count else ""


def machine(facts: Facts) -> str:
    """Return what the machine has to offer; what is not known is left out."""
    if facts.machine is None:
        return ""
    host = facts.machine.host
    parts = (
        host.memory and f"{host.memory / GIB:.1f} GiB of memory free",
        host.cpus and f"{host.cpus} processors",
        host.disk_free and f"{host.disk_free / GIB:.1f} GiB free in {host.disk}",
    )
    return ", ".join(part for part in parts if part)


def ports(facts: Facts) -> str:
    """Say how many are wanted, and how many somebody else has."""
    if facts.machine is None or not facts.ports_wanted or "ports" in facts.unknown:
        return ""
    held = len(facts.machine.holders)
    return f"{facts.ports_wanted} wanted, {held or 'none'} held by somebody else"


def names(facts: Facts) -> str:
    """Say how many somebody else has."""
    if facts.machine is None or facts.seen is None:
        return ""
    clashes = len(facts.machine.strangers) + (facts.foreign is not None)
    return f"{clashes or 'none'} of ours belongs to another project or checkout"


def images(facts: Facts) -> str:
    """Say how many are here, for which processor."""
    if facts.images is None:
        return ""
    here = sum(one.present for one in facts.images)
    kinds = {one.contains for one in facts.images if one.contains}
    source = f"source {facts.image_source or 'not chosen yet'}"
    contains = f" ({', '.join(sorted(kinds))})" if kinds else ""
    return f"{here} of {len(facts.images)} here{contains}, {source}, {facts.engine.arch or '?'}"


def services(facts: Facts) -> str:
    """Say how many answer."""
    if facts.stack is None or facts.seen is None:
        return ""
    ready = sum(answers(service, facts.seen) for service in facts.stack.services)
    if not ready and not any(one.state == State.RUNNING for one in facts.seen.containers):
        return "none runs; inv up starts them"
    return f"{ready} of {len(facts.stack.services)} are ready"


def logins(facts: Facts) -> str:
    """Say whose password was tried; none is when nothing with a login runs."""
    if facts.seen is None:
        return ""
    told = []
    for one in facts.logins:
        rejected = one.wrong.final or one.wrong.detail.startswith(FIRST_ANSWER)
        how = "a wrong password is rejected" if rejected else f"wrong one: {one.wrong.detail}"
        told.append(f"{one.service}: {how}")
    return "; ".join(told) or "no service with a login answers, so none was tried"


def models(facts: Facts) -> str:
    """Say which answered."""
    told = [
        f"{one.host} {f'answers {one.status}' if one.status else 'does not answer'}"
        + (f", {one.length} numbers" if one.length else "")
        for one in facts.endpoints
    ]
    return "; ".join(told) or "no endpoint of your own is set"


def proxies(facts: Facts) -> str:
    """Return host and port of each."""
    told = [f"{name} is {host}" for name, host in facts.proxies.hosts.items()]
    return ", ".join(told) or "none is set"


def data(facts: Facts) -> str:
    """Say how many snapshots there are, and how big."""
    if facts.data is None:
        return ""
    count = facts.data.snapshots
    return f"{count} snapshots, {size(facts.data.size)}" if count else "no snapshot yet"
