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
_PORT = re.compile(
    r"(\$\{[A-Z0-9_]+:-127\.0\.0\.1\}|127\.0\.0\.1):\$\{[A-Z0-9_]+:-[0-9]+\}:[0-9]+(/(tcp|udp))?"
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
        replace(breach, service=str(name), file=file)
        for name, service in services
        for breach in _service(as_tree(service))
    ]
    bare = (_bare(use) for use in uses(document) if use.operator not in _EMPTY_IS_UNSET)
    return (*breaches, *(replace(breach, file=file) for breach in bare))


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
        *_unused(settings, {use.name for _, use in used} | own),
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
        if match := _SETTING.fullmatch(line):
            name, value, off = match["name"], match["value"], bool(match["off"])
            settings.append(Setting(name=name, value=value, off=off, meaning=above))
        above = line.removeprefix("#").strip() if line.startswith("#") and not match else ""
    return tuple(settings)


def _service(service: Mapping[str, object]) -> Iterator[Breach]:
    """Names, limits, ports and lists in one service."""
    name = str(service.get("container_name") or _PREFIX)
    if not name.startswith(_PREFIX):
        yield Breach("container_name", describe(name), f"a name that begins with {_PREFIX}")
    memory = service.get("mem_limit")
    if memory is not None and not _MEMORY.fullmatch(str(memory)):
        yield Breach("mem_limit", describe(memory), "a variable such as ${NAME_MEMORY:-1g}")
    for index, port in enumerate(as_list(service.get("ports"))):
        text = _port_text(port)
        if not _PORT.fullmatch(text):
            wanted = "${BIND_ADDRESS:-127.0.0.1}:${NAME_PORT:-1234}:1234"
            yield Breach(f"ports[{index}]", describe(text), wanted)
    for index, entry in enumerate(as_list(service.get("environment"))):
        variable, _, value = str(entry).partition("=")
        if value.startswith(('"', "'")):
            found = f"quotes around the value of {variable}"
            wanted = "a mapping, or no quotes: in a list they become part of the value"
            yield Breach(f"environment[{index}]", found, wanted)


def _port_text(port: object) -> str:
    """Return address, host port and container port in the short form."""
    if isinstance(port, Mapping):
        return ":".join(str(port.get(key, "")) for key in ("host_ip", "published", "target"))
    return str(port)


def _bare(use: Use) -> Breach:
    """An empty line in .env would not be the same as no line."""
    found = f"${{{use.name}{use.operator}{use.argument}}}"
    wanted = f"${{{use.name}:-default}}, so that empty means the default"
    return Breach(use.key, found, wanted, service=use.service)


def _undocumented(settings: Iterable[Setting], used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """Every variable that a compose file reads is in .env.example; told at its first use."""
    known = {setting.name for setting in settings}
    for file, use in used:
        if use.name not in known:
            known.add(use.name)
            found = f"the variable {use.name}, which {EXAMPLE} does not have"
            wanted = f"{use.name}= in {EXAMPLE}, below a line of meaning"
            yield Breach(use.key, found, wanted, service=use.service, file=file)


def _unexplained_own(settings: Iterable[Setting], own: frozenset[str]) -> Iterator[Breach]:
    """What the workspace itself reads is there too."""
    for name in sorted(own - {setting.name for setting in settings}):
        yield Breach(name, "nothing", f"{name}=, below a line of meaning")


def _unused(settings: Iterable[Setting], known: set[str]) -> Iterator[Breach]:
    """Every variable in .env.example is read, and stands there once."""
    seen: set[str] = set()
    for setting in settings:
        name = setting.name
        if name not in known:
            likely = get_close_matches(name, sorted(known), n=1)
            hint = f", such as {likely[0]}" if likely else ""
            wanted = f"one that a compose file or the workspace reads{hint}"
            yield Breach(name, "a variable that nothing reads", wanted)
        if name in seen:
            yield Breach(name, "a second line", "one line")
        seen.add(name)


def _badly_written(settings: Iterable[Setting]) -> Iterator[Breach]:
    """python-dotenv, Compose and MemOS read the same value out of every line.

    A comment after an empty value becomes the value, and quotes or blanks at the end stay in it
    for some of them.
    """
    for setting in settings:
        name, value = setting.name, setting.value
        if not setting.meaning:
            yield Breach(name, "no comment", "one line of meaning right above it")
        if "#" in value:
            yield Breach(name, "a comment after the value", "it above")
        if value != value.strip():
            yield Breach(name, "blanks around the value", "none")
        if value.strip()[:1] in ('"', "'"):
            yield Breach(name, "a value in quotes", "it without quotes")


def _strange_lines(example: str) -> Iterator[Breach]:
    for number, line in enumerate(example.splitlines(), start=1):
        if line and not line.startswith("#") and not _SETTING.fullmatch(line):
            yield Breach(f"line {number}", describe(line.partition("=")[0]), "NAME=value")


def _defaults(used: Iterable[tuple[str, Use]]) -> Iterator[tuple[str, Use]]:
    """Only the uses with a default that needs no other variable."""
    for file, use in used:
        if use.operator == ":-" and "$" not in use.argument:
            yield file, use


def _two_defaults(used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """A variable has one default, wherever it is used."""
    first: dict[str, str] = {}
    for file, use in _defaults(used):
        name, default = use.name, use.argument
        if first.setdefault(name, default) != default:
            found, wanted = f"${{{name}:-{default}}}", f"${{{name}:-{first[name]}}} as elsewhere"
            yield Breach(use.key, found, wanted, service=use.service, file=file)


def _other_values(settings: Iterable[Setting], used: Iterable[tuple[str, Use]]) -> Iterator[Breach]:
    """A value in .env.example is the default, or empty, which means the default."""
    defaults = {use.name: use.argument for _, use in _defaults(used)}
    for setting in settings:
        default = defaults.get(setting.name, "")
        if setting.name in defaults and not setting.off and setting.value not in ("", default):
            wanted = f"{describe(default)}, the default in the compose file, or nothing"
            yield Breach(setting.name, describe(setting.value), wanted)
