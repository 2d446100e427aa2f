"""Rules about compose files as they are written, and about the variables in .env.example."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from scripts.config.rules.schema import Breach, as_list, as_tree, describe
from scripts.config.rules.text import Use, parse, uses

EXAMPLE = ".env.example"
_PREFIX = "${CONTAINER_PREFIX:-}"
_MEMORY = re.compile(r"\$\{[A-Z0-9_]+:-[0-9]+[kmg]\}")
_PORT = (
    re.compile(r"\$\{[A-Z0-9_]+:-127\.0\.0\.1\}"),
    re.compile(r"\$\{[A-Z0-9_]+:-[0-9]+\}"),
    re.compile(r"[0-9]+(/(tcp|udp))?"),
)
_SETTING = re.compile(r"(?P<off># ?)?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
_EMPTY_IS_UNSET = frozenset({":-", ":+", ":?"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable of .env.example; `off` when its line is a comment."""

    name: str
    value: str
    off: bool
    meaning: str
    """The comment line right above it, empty without one."""


def check_raw(document: object, file: str) -> tuple[Breach, ...]:
    """Return what is wrong in a compose file, or an override of one, before it is interpolated."""
    services = as_tree(as_tree(document).get("services")).items()
    breaches = [
        replace(breach, service=str(name))
        for name, service in services
        for breach in _service(as_tree(service))
    ]
    breaches += (_bare(use) for use in uses(document) if not _has_default(use))
    return tuple(replace(breach, file=file) for breach in breaches)


def check_variables(
    texts: Mapping[str, str], example: str, own: Iterable[str]
) -> tuple[Breach, ...]:
    """Compare the variables of compose files with those that .env.example explains.

    `texts` holds the files by name, `own` what the workspace itself reads. ConfigError when a
    file is not YAML.
    """
    used = [(file, use) for file, text in texts.items() for use in uses(parse(text, file))]
    settings = read_example(example)
    own = frozenset(own)
    ours = (
        *_strange_lines(example),
        *_unused(settings, {use.variable.name for _, use in used} | own),
        *_badly_written(settings),
        *_other_values(settings, used),
        *_unexplained_own(settings, own),
    )
    named = tuple(replace(breach, file=EXAMPLE) for breach in ours)
    return (*_undocumented(settings, used), *_two_defaults(used), *named)


def read_example(text: str) -> tuple[Setting, ...]:
    """Return the variables of .env.example, those in a commented line too, with their meaning."""
    settings = []
    above = ""
    for line in text.splitlines():
        found = _SETTING.fullmatch(line)
        if found:
            off = found["off"] is not None
            settings.append(
                Setting(name=found["name"], value=found["value"], off=off, meaning=above)
            )
        above = line.removeprefix("#").strip() if line.startswith("#") and not found else ""
    return tuple(settings)


def _service(service: Mapping[str, object]) -> Iterator[Breach]:
    """Names, limits, ports and lists in one service."""
    name = str(service.get("container_name") or _PREFIX)
    if not name.startswith(_PREFIX):
        wanted = f"a name that begins with {_PREFIX}"
        yield Breach(key="container_name", found=describe(name), wanted=wanted)
    memory = service.get("mem_limit")
    if memory is not None and not _MEMORY.fullmatch(str(memory)):
        wanted = "a variable such as ${NAME_MEMORY:-1g}"
        yield Breach(key="mem_limit", found=describe(memory), wanted=wanted)
    for index, port in enumerate(as_list(service.get("ports"))):
        if not _through_variables(port):
            wanted = "${BIND_ADDRESS:-127.0.0.1}:${NAME_PORT:-1234}:1234"
            yield Breach(key=f"ports[{index}]", found=_port_text(port), wanted=wanted)
    for index, entry in enumerate(as_list(service.get("environment"))):
        variable, _, value = str(entry).partition("=")
        if value.startswith(('"', "'")):
            yield Breach(
                key=f"environment[{index}]",
                found=f"quotes around the value of {variable}",
                wanted="a mapping, or no quotes: in a list they become part of the value",
            )


def _port_text(port: object) -> str:
    return describe(":".join(_port_parts(port)))


def _port_parts(port: object) -> list[str]:
    """Return address, host port and container port, of the short form and of the long one."""
    if isinstance(port, Mapping):
        return [str(port.get(key, "")) for key in ("host_ip", "published", "target")]
    return re.split(r":(?![^{]*\})", str(port))


def _through_variables(port: object) -> bool:
    parts = _port_parts(port)
    if len(parts) != len(_PORT):
        return False
    return all(shape.fullmatch(part) for shape, part in zip(_PORT, parts, strict=True))


def _has_default(use: Use) -> bool:
    return use.variable.operator in _EMPTY_IS_UNSET


def _bare(use: Use) -> Breach:
    """An empty line in .env would not be the same as no line."""
    variable = use.variable
    return _at(
        use,
        f"${{{variable.name}{variable.operator}{variable.argument}}}",
        f"${{{variable.name}:-default}}, so that empty means the default",
    )


def _at(use: Use, found: str, wanted: str) -> Breach:
    return Breach(service=use.service, key=use.key, found=found, wanted=wanted)


def _undocumented(settings: Iterable[Setting], used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """Every variable that a compose file reads is in .env.example; told at its first use."""
    known = {setting.name for setting in settings}
    for file, use in used:
        name = use.variable.name
        if name not in known:
            known.add(name)
            found = f"the variable {name}, which {EXAMPLE} does not have"
            wanted = f"{name}= in {EXAMPLE}, below a line of meaning"
            yield replace(_at(use, found, wanted), file=file)


def _unexplained_own(settings: Iterable[Setting], own: frozenset[str]) -> Iterator[Breach]:
    """What the workspace itself reads is there too."""
    for name in sorted(own - {setting.name for setting in settings}):
        yield Breach(key=name, found="nothing", wanted=f"{name}=, below a line of meaning")


def _unused(settings: Iterable[Setting], known: set[str]) -> Iterator[Breach]:
    """Every variable in .env.example is read, and stands there once."""
    seen: set[str] = set()
    for setting in settings:
        name = setting.name
        if name not in known:
            likely = get_close_matches(name, sorted(known), n=1)
            hint = f", such as {likely[0]}" if likely else ""
            wanted = f"one that a compose file or the workspace reads{hint}"
            yield Breach(key=name, found="a variable that nothing reads", wanted=wanted)
        if name in seen:
            yield Breach(key=name, found="a second line", wanted="one line")
        seen.add(name)


def _badly_written(settings: Iterable[Setting]) -> Iterator[Breach]:
    """python-dotenv, Compose and MemOS read the same value out of every line.

    A comment after an empty value becomes the value, and quotes or blanks at the end stay in it
    for some of them.
    """
    for setting in settings:
        value = setting.value
        if not setting.meaning:
            wanted = "one line of meaning right above it"
            yield Breach(key=setting.name, found="no comment", wanted=wanted)
        if "#" in value:
            yield Breach(key=setting.name, found="a comment after the value", wanted="it above")
        if value != value.strip():
            yield Breach(key=setting.name, found="blanks around the value", wanted="none")
        if value.strip()[:1] in ('"', "'"):
            yield Breach(key=setting.name, found="a value in quotes", wanted="it without quotes")


def _strange_lines(example: str) -> Iterator[Breach]:
    for number, line in enumerate(example.splitlines(), start=1):
        if line and not line.startswith("#") and not _SETTING.fullmatch(line):
            word = line.partition("=")[0]
            yield Breach(key=f"line {number}", found=describe(word), wanted="NAME=value")


def _defaults(used: Iterable[tuple[str, Use]]) -> Iterator[tuple[str, Use]]:
    """Only the uses with a default that needs no other variable."""
    for file, use in used:
        if use.variable.operator == ":-" and "$" not in use.variable.argument:
            yield file, use


def _two_defaults(used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """A variable has one default, wherever it is used."""
    first: dict[str, str] = {}
    for file, use in _defaults(used):
        name, default = use.variable.name, use.variable.argument
        if first.setdefault(name, default) != default:
            found, wanted = f"${{{name}:-{default}}}", f"${{{name}:-{first[name]}}} as elsewhere"
            yield replace(_at(use, found, wanted), file=file)


def _other_values(settings: Iterable[Setting], used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """A value in .env.example is the default, or empty, which means the default."""
    defaults = {use.variable.name: use.variable.argument for _, use in _defaults(used)}
    for setting in settings:
        default = defaults.get(setting.name, "")
        if setting.name in defaults and not setting.off and setting.value not in ("", default):
            wanted = f"{describe(default)}, the default in the compose file, or nothing"
            yield Breach(key=setting.name, found=describe(setting.value), wanted=wanted)
