"""Names of services and data groups, as people type them."""

from collections.abc import Mapping, Sequence

from scripts.core.errors import ConfigError
from scripts.core.stack import Service, Stack
from scripts.core.texts import short


def services(stack: Stack, named: Sequence[str]) -> tuple[str, ...]:
    """Return the services of that name or container name; all that are wanted for none.

    Raises ConfigError with the known names and the nearest match.
    """
    known = {service.name: service.name for service in stack.services}
    known |= {service.container: service.name for service in stack.services}
    require_known(named, known)
    wanted = {known[name] for name in named} or set(stack.wanted())
    return tuple(name for name in stack.names() if name in wanted)


def here(stack: Stack, named: Sequence[str]) -> tuple[str, ...]:
    """Like `services`, for what is started, stopped or changed: what runs elsewhere is left out.

    One of these that is named is a ConfigError, too.
    """
    names = services(stack, named)
    for service in map(stack.service, names if named else ()):
        require_here(service)
    return stack.here(names)


def require_here(service: Service) -> None:
    """Raise ConfigError for a service that runs elsewhere."""
    if service.elsewhere:
        raise ConfigError(
            f"{service.name} runs elsewhere ({service.elsewhere}): it and its data are not this"
            " stack's, which asks it and does no more",
            next_step=f"inv ps shows it; without EXTERNAL_{service.name.upper()}_URL in .env it"
            " runs here",
        )


def data_groups(stack: Stack, named: Sequence[str]) -> tuple[str, ...]:
    """Return the data groups of services by name or container name; all for none.

    Raises ConfigError as `services` does, and for one that keeps no data.
    """
    # data is there also of what does not start by itself
    names = services(stack, named) if named else stack.names()
    chosen = [stack.service(name) for name in names]
    for one in chosen if named else ():
        require_here(one)
    bare = [one.name for one in chosen if not one.data_group]
    if named and bare:
        raise ConfigError(
            f"{bare[0]} keeps no data of its own",
            next_step=f"--service {' or '.join(stack.groups())}",
        )
    return tuple(dict.fromkeys(one.data_group for one in chosen if one.data_group))


def groups_to_reset(stack: Stack, named: Sequence[str], *, every: bool) -> tuple[str, ...]:
    """Like `data_groups`, for a command that deletes: none named is a ConfigError."""
    if not named and not every:
        raise ConfigError(
            "reset deletes data, and no service is named",
            next_step=f"inv reset --service {' or '.join(stack.groups())}; --all for all of them",
        )
    return data_groups(stack, () if every else named)


def require_known(named: Sequence[str], known: Mapping[str, str]) -> None:
    """Raise ConfigError for a name that is none of `known`, which maps names to services."""
    for name in named:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=1, cutoff=0.5)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"there is no service {short(name)!r}{guess}",
                next_step=f"one of: {', '.join(dict.fromkeys(known.values()))}",
            )
