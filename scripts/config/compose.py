"""`docker compose`: what is asked of it, and its resolved file as frozen values."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.config.rules import addresses
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.files import Json
from scripts.core.inventory import ImageSource
from scripts.core.process import TIME_IS_UP, Completed, OnLine, Runner, last_words
from scripts.core.stack import (
    LOOPBACK,
    Auth,
    Build,
    Link,
    Place,
    Port,
    Probe,
    Service,
    Stack,
    Together,
    Volume,
    by_need,
)

CONFIG_TIMEOUT = 30.0
CHANGE_TIMEOUT = 300.0
"""Seconds for create, stop and down; images are there already when Compose is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """One project as Compose is told about it."""

    files: tuple[Path, ...]
    env_file: Path
    env: Mapping[str, str]
    """Variables for the process: the engine's, and those that the settings add."""
    runner: Runner

    def argv(self, *words: str) -> list[str]:
        """Return the whole command for `docker compose WORDS`."""
        files = [word for file in self.files for word in ("--file", str(file))]
        return ["docker", "compose", "--env-file", str(self.env_file), *files, *words]

    def change(self, *words: str, on_line: OnLine | None = None) -> Completed:
        """Run a command that changes something; raises RefusedError with Compose's last words."""
        return self._changed(self.argv("--progress", "plain", *words), words[0], on_line)

    def remove(
        self, project: str, made: Mapping[str, object], on_line: OnLine | None = None
    ) -> Completed:
        """Stop and remove all containers of a project, and its networks; the data stays.

        By what is there of it, so that files and settings that changed since, or are wrong, do not
        matter; errors as in `change`.
        """
        argv = ["docker", "compose", "--env-file", os.devnull, "--project-name", project]
        argv += ["--file", "-", "--progress", "plain", "down", "--remove-orphans"]
        return self._changed(argv, "down", on_line, stdin=json.dumps(made))

    def _changed(
        self, argv: list[str], word: str, on_line: OnLine | None, *, stdin: str = ""
    ) -> Completed:
        limit = CHANGE_TIMEOUT
        done = self.runner(argv, timeout=limit, env=self.env, on_line=on_line, stdin=stdin)
        if done.exit_code:
            late = f"it took longer than {CHANGE_TIMEOUT:.0f} s"
            said = late if done.exit_code == TIME_IS_UP else last_words(done)
            raise RefusedError(
                f"docker compose {word} failed: {said}", next_step="inv doctor", said=said
            )
        return done


def files(root: Path, source: ImageSource, overlays: Iterable[str] = ()) -> tuple[Path, ...]:
    """Return the compose files for an image source, and those over them."""
    base = root / "docker" / "docker-compose.yml"
    names = ["docker-compose.packages.yml"] if source is ImageSource.PACKAGES else []
    return (base, *(base.with_name(name) for name in (*names, *overlays)))


def text(compose: Compose) -> str:
    """Return the resolved file as YAML: its JSON form leaves out the x- keys of services.

    Raises ConfigError with the reason, whatever exit code Compose chose.
    """
    for file in compose.files:
        if not file.is_file():
            raise ConfigError(f"there is no {file}", next_step=f"git checkout -- {file}")
    done = compose.runner(compose.argv("config"), timeout=CONFIG_TIMEOUT, env=compose.env)
    if done.exit_code:
        names = ", ".join(file.name for file in compose.files)
        raise ConfigError(
            f"{names}: {last_words(done)}",
            next_step="mend the compose file (git diff shows what has changed), then: inv config",
        )
    return done.stdout


def document(resolved: str) -> dict[str, Json]:
    """Return the resolved file as a document; ConfigError when it is none."""
    from scripts.config.rules.text import plain

    # Compose writes each $ twice, as a compose file must have it
    loaded = plain(resolved.replace("$$", "$"))
    if not isinstance(loaded, dict):
        raise ConfigError("docker compose config gave no document", next_step="inv config")
    return loaded


def masked(document: Mapping[str, Json], secrets: Iterable[str]) -> str:
    """Return a document as YAML with its secrets masked, whatever YAML makes of them."""
    from scripts.config.rules.text import dumped
    from scripts.core import texts

    hidden = tuple(secrets)

    def shown(value: Json) -> Json:
        match value:
            case str():
                return texts.masked(value, hidden)
            case dict():
                return {key: shown(one) for key, one in value.items()}
            case list():
                return [shown(one) for one in value]
            case _:
                return value

    return dumped(shown(document)).replace("$", "$$")


def parse(resolved: Mapping[str, Json], folder: Path) -> Stack:
    """Turn a resolved document into a Stack; `folder` is where the first compose file lies.

    Raises ConfigError for a document of another shape than Compose gives.
    """
    try:
        return _stack(resolved, folder)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"docker compose config gave another shape than it should ({type(error).__name__})",
            next_step="inv config shows it; mend the compose file",
        ) from error


def _stack(resolved: Mapping[str, Json], folder: Path) -> Stack:
    volumes = {key: (value or {}).get("name", key) for key, value in _items(resolved, "volumes")}
    secrets = {key: Path(value.get("file", "")) for key, value in _items(resolved, "secrets")}
    written = dict(_items(resolved, "services"))
    away = {name: keys["x-external"] for name, keys in written.items() if "x-external" in keys}
    services = [
        _elsewhere(name, keys, away[name])
        if name in away
        else _needing(_service(name, keys, volumes, secrets), away)
        for name, keys in written.items()
    ]
    mounted = [
        Volume(
            key=key,
            name=volumes[key],
            group=keys.get("x-data-group", ""),
            plain=not (resolved["volumes"][key] or {}).keys() - {"name"},
        )
        for name, keys in written.items()
        for key in (_mounted(keys) if name not in away else ())
    ]
    together = [
        Together(groups=tuple(entry["groups"]), reason=entry["reason"])
        for entry in resolved.get("x-data-together") or ()
    ]
    stack = Stack(
        project=resolved["name"],
        folder=folder,
        services=by_need(services),
        volumes=tuple(dict.fromkeys(mounted)),  # several services may mount one
        together=tuple(together),
    )
    # a need that is not required stays in the file when no profile brings its service
    return stack.only(stack.names())


def _mounted(keys: Mapping[str, Json]) -> Iterable[str]:
    """Return the keys of the named volumes that a service mounts."""
    mounts = keys.get("volumes", ())
    return (mount["source"] for mount in mounts if mount.get("type") == "volume")


def _items(resolved: Mapping[str, Json], key: str) -> Iterable[tuple[str, Json]]:
    return (resolved.get(key) or {}).items()


def _service(
    name: str, keys: Mapping[str, Json], volumes: Mapping[str, str], secrets: Mapping[str, Path]
) -> Service:
    ports = tuple(
        Port(
            host=port.get("host_ip") or "0.0.0.0",  # as Compose takes an empty one
            published=int(port.get("published", 0)),
            target=int(port["target"]),
        )
        for port in keys.get("ports", ())
    )
    return Service(
        name=name,
        container=keys.get("container_name", name),
        image=keys.get("image", ""),
        build=_build(keys, secrets) if keys.get("build") else None,
        ports=ports,
        probes=tuple(_probe(probe, ports) for probe in keys.get("x-probe") or ()),
        needs=tuple(keys.get("depends_on", {})),
        early=keys.get("x-start") == "early",
        links=tuple(_link(link, ports) for link in keys.get("x-open") or ()),
        not_offered=tuple(keys.get("x-not-offered") or ()),
        data_group=keys.get("x-data-group", ""),
        volumes=tuple(volumes[key] for key in _mounted(keys)),
        one_shot=bool(keys.get("x-one-shot")),
        wanted=keys.get("x-wanted", "yes") == "yes",
        memory=int(keys.get("mem_limit", 0)),
        cpu_flags=tuple(keys.get("x-cpu-flags") or ()),
        cpu_wishes=tuple(keys.get("x-cpu-wishes") or ()),
        metrics=int(keys.get("x-metrics", 0)),
        shell_user=keys.get("x-shell-user", ""),
        source=volumes.get(keys.get("x-source", ""), ""),
        place=Place(**keys.get("x-place") or {}),
    )


def _elsewhere(name: str, keys: Mapping[str, Json], facts: Mapping[str, Json]) -> Service:
    """Return a service that runs elsewhere: how it is asked, and nothing that is of a container."""
    place = addresses.parsed(facts["url"], facts["schemes"], facts.get("port", 0))
    ports = tuple(
        Port(host=place.host, published=place.port, target=target) for target in facts["targets"]
    )
    probes = tuple(replace(_probe(one, ports), tls=place.tls) for one in keys["x-probe"])
    links = (_link(link, ports) for link in keys.get("x-open") or ())
    return Service(
        name=name,
        container=name,
        image="",
        ports=ports,
        probes=probes,
        links=tuple(
            replace(one, url=one.url.replace("http://", "https://", 1)) if place.tls else one
            for one in links
        ),
        elsewhere=facts["url"],
        version=facts.get("version") or {},
    )


def _needing(service: Service, away: Mapping[str, Mapping[str, Json]]) -> Service:
    """Return a service that needs those elsewhere, too, that say so; Compose does not know it."""
    needs = tuple(name for name, facts in away.items() if service.name in facts["needed-by"])
    return replace(service, needs=(*service.needs, *needs))


def _build(service: Mapping[str, Json], secrets: Mapping[str, Path]) -> Build:
    build = service["build"]
    return Build(
        context=Path(build["context"]),
        dockerfile=build.get("dockerfile", "Dockerfile"),
        args=build.get("args") or {},
        contexts={
            name: Path(folder) for name, folder in (build.get("additional_contexts") or {}).items()
        },
        network=build.get("network", ""),
        secrets={
            secret["source"]: secrets[secret["source"]] for secret in build.get("secrets", ())
        },
        seconds=service.get("x-build-seconds", 0.0),
    )


def _probe(probe: Mapping[str, Json], ports: tuple[Port, ...]) -> Probe:
    port = _published(probe["target"], ports)
    auth = probe.get("auth")
    return Probe(
        kind=probe["kind"],
        host=port.host,
        port=port.published,
        method=probe.get("method", "GET"),
        path=probe.get("path", "/"),
        body=json.dumps(probe["json"]) if "json" in probe else "",
        # a key that is not set is none
        auth=Auth(**{k: str(v) for k, v in auth.items()}) if auth and auth["password"] else None,
        expect=probe.get("expect", ""),
        collection=probe.get("collection", ""),
        size=int(probe.get("size", 0)),
        marker=probe.get("marker", ""),
        models=tuple(filter(None, (probe.get("model"), probe.get("same-as")))),
        database=probe.get("database", ""),
    )


def _link(link: Mapping[str, Json], ports: tuple[Port, ...]) -> Link:
    port = _published(link["target"], ports)
    return Link(label=link["label"], url=f"http://{port.host}:{port.published}{link['path']}")


def _published(target: object, ports: tuple[Port, ...]) -> Port:
    """Return the published port of a container port, with an address that a client can call."""
    for port in ports:
        if port.target == int(str(target)):
            anywhere = port.host in {"0.0.0.0", "::", ""}
            return replace(port, host=LOOPBACK) if anywhere else port
    raise ConfigError(
        f"x-probe or x-open names container port {target}, which is not published",
        next_step="mend docker/docker-compose.yml",
    )
