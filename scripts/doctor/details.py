"""Pure: one line about each area of a checkup; empty when nothing is known of it."""

import re

from scripts.config.env_text import lines
from scripts.core.look import Away, State
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
    known = facts.engine.found
    if known is None:
        return ""
    kind = "private" if known.private else known.place
    parts = (f"{known.version} ({kind})", f"Compose {facts.engine.compose or 'not known'}")
    return ", ".join(filter(None, (*parts, facts.engine.link)))


def compose(facts: Facts) -> str:
    """Say how many services there are."""
    count = len(facts.stack.services) if facts.stack else 0
    return f"{count} services" if count else ""


def machine(facts: Facts) -> str:
    """Return what the machine has to offer; what is not known is left out."""
    if facts.nodes:
        named = (f"{one.name} ({one.memory / GIB:.1f} GiB of memory)" for one in facts.nodes)
        return f"a Swarm of {', '.join(named)}"
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
    if facts.machine is None or facts.look is None:
        return ""
    clashes = len(facts.machine.strangers) + (facts.foreign is not None)
    return f"{clashes or 'none'} of ours belongs to another project or checkout"


def images(facts: Facts) -> str:
    """Say how many are here, for which processor."""
    if facts.images is None:
        return ""
    here = sum(image.present for image in facts.images)
    kinds = {image.contains for image in facts.images if image.contains}
    source = f"source {facts.image_source or 'not chosen yet'}"
    contains = f" ({', '.join(sorted(kinds))})" if kinds else ""
    known = f"{here} of {len(facts.images)} here{contains}, {source}, {facts.engine.arch or '?'}"
    return f"{known}; {facts.memos.described}" if facts.memos else known


def services(facts: Facts) -> str:
    """Say how many answer, and that MemOS is not quite as it was released."""
    if facts.stack is None or facts.look is None:
        return ""
    ready = sum(answers(service, facts.look) for service in facts.stack.services)
    runs = any(container.state is State.RUNNING for container in facts.look.containers)
    if not ready and not runs:
        return "none runs; inv up starts them"
    count = f"{ready} of {len(facts.stack.services)} are ready"
    return "; ".join(filter(None, (count, facts.mends, *map(_away, facts.away))))


def _away(one: Away) -> str:
    """Say where a service runs elsewhere, in which version, and from where it was reached."""
    from_where = {None: "from here; the API's container does not run", "": "from the API too"}
    version = f" in version {one.version}" if one.version else ""
    reached = from_where.get(one.inside, "from here only")
    plain = ", its login unencrypted" if one.plain else ""
    return f"{one.service} at {one.address}{version}, reached {reached}{plain}"


def logins(facts: Facts) -> str:
    """Say whose password was tried; none is when nothing with a login runs."""
    if facts.look is None:
        return ""
    tries = []
    for login in facts.logins:
        rejected = login.wrong.final or login.wrong.detail.startswith(FIRST_ANSWER)
        how = "a wrong password is rejected" if rejected else f"wrong one: {login.wrong.detail}"
        tries.append(f"{login.service}: {how}")
    return "; ".join(tries) or "no service with a login answers, so none was tried"


def models(facts: Facts) -> str:
    """Say which answered."""
    replies = [
        f"{endpoint.host} {f'answers {endpoint.status}' if endpoint.status else 'does not answer'}"
        + (f", {endpoint.length} numbers" if endpoint.length else "")
        for endpoint in facts.endpoints
    ]
    if facts.reader:
        met = sum(facts.reader.answered.values()), sum(facts.reader.refused.values())
        replies.append(f"the reader stand-in: {met[0]} prompts answered, {met[1]} refused")
    replies += [f"the stored vectors are {made[0]}" for made in _makers(facts)]
    return "; ".join(replies) or "no endpoint of your own is set"


def _makers(facts: Facts) -> list[re.Match[str]]:
    """What Qdrant's probe was told of the model behind the stored vectors."""
    readings = facts.look.readings if facts.look else ()
    return [made for reading in readings if (made := re.search(r"made by .+", reading.detail))]


def proxies(facts: Facts) -> str:
    """Return host and port of each: here, and in containers, whoever gave it to them."""
    named = [f"{name} is {host}" for name, host in facts.proxies.hosts.items()]
    inside: dict[str, list[str]] = {}
    for container in facts.look.containers if facts.look else ():
        if container.proxy:
            inside.setdefault(container.proxy, []).append(container.service)
    named += [f"{proxy} in {', '.join(sorted(names))}" for proxy, names in sorted(inside.items())]
    if not inside:
        named += [f"{name} is {host} for containers" for name, host in facts.proxies.given.items()]
    return ", ".join(named) or "none is set"


def data(facts: Facts) -> str:
    """Say how many snapshots there are, and how big."""
    if facts.data is None:
        return ""
    count = facts.data.snapshots
    return f"{count} snapshots, {size(facts.data.size)}" if count else "no snapshot yet"


def memories(facts: Facts) -> str:
    """Say how many there are, in how many cubes."""
    if facts.memories is None:
        return ""
    count = sum(kind.nodes for kind in facts.memories.kinds)
    return f"{count:,} in {len(facts.memories.cubes)} cubes"
