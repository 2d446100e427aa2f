"""At image build: fetches the jars of jars.sha256 from where the host's Maven would, with curl."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from xml.etree import ElementTree as ET

CENTRAL = "central"
"""What Maven calls the repository of its own."""
SUPER_POM = "org/apache/maven/model/pom-4.0.0.xml"
"""In Maven's model builder: where Maven fetches when nobody says otherwise."""
SIGNATURES = (".SF", ".RSA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where jars come from."""

    url: str
    login: str = ""
    """`user:password`, or nothing."""
    proxy: str = ""
    """Its address; nothing leaves it to curl's variables."""
    proxy_login: str = ""


def repository(settings: str, own: str) -> Repository:
    """Return the place that a user's settings.xml has for central; `own` is Maven's address.

    As Maven chooses (`DefaultMirrorSelector`, `DefaultProxySelector`): the mirror that names
    central, else the first whose pattern has it; its server's login; and an active proxy, always
    spoken to in plain HTTP.
    """
    root = ET.fromstring(settings)  # noqa: S314 -- the user's own file
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    mirrors = [_texts(one) for one in root.iterfind("mirrors/mirror")]
    mirrors.sort(key=lambda one: one.get("mirrorOf") != CENTRAL)
    mirror = next((one for one in mirrors if _mirrors(one.get("mirrorOf", ""))), {})
    url = mirror.get("url", own).rstrip("/")
    server = mirror.get("id", CENTRAL)
    logins = {one.get("id"): one for one in map(_texts, root.iterfind("servers/server"))}
    proxy = _proxy([_texts(one) for one in root.iterfind("proxies/proxy")], urlsplit(url))
    return Repository(
        url=url,
        login=_login(logins.get(server, {})),
        proxy=f"http://{proxy['host']}:{proxy.get('port', 8080)}" if proxy else "",
        proxy_login=_login(proxy),
    )


def config(source: Repository, paths: Iterable[str]) -> str:
    """Return what curl reads to fetch these paths, each to its last name: no secret is in argv."""
    words = {"user": source.login, "proxy": source.proxy, "proxy-user": source.proxy_login}
    lines = [f"{word} = {_quoted(value)}" for word, value in words.items() if value]
    for path in paths:
        lines.append(f"url = {_quoted(f'{source.url}/{path}')}")
        lines.append(f"output = {_quoted(Path(path).name)}")
    return "\n".join(lines)


def wrong(wanted: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names of the files that are not what they should be; `wanted` is name to hash."""
    return [
        name
        for name, digest in wanted.items()
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def unsign(jar: Path) -> None:
    """Take the signatures out of a jar: class data sharing skips signed ones.

    Checking them would cost 1.5 CPU-seconds a start.
    """
    signed = jar.rename(jar.with_suffix(".signed"))
    with zipfile.ZipFile(signed) as old, zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if not (entry.filename.startswith("META-INF/") and entry.filename.endswith(SIGNATURES)):
                new.writestr(entry, old.read(entry), compresslevel=1)
    signed.unlink()


def main(settings: Path, model_builder: Path, listing: Path, folder: Path) -> None:
    """Fetch all that is listed into `folder`; ends with an error that names what is wrong."""
    rows = [line.split() for line in listing.read_text(encoding="utf-8").splitlines()]
    with zipfile.ZipFile(model_builder) as opened:
        super_pom = ET.fromstring(opened.read(SUPER_POM))  # noqa: S314 -- Debian's own file
    own = super_pom.findtext("repositories/repository/url", "")
    source = repository(settings.read_text(encoding="utf-8"), own)
    folder.mkdir(parents=True)
    curl = ["curl", "--config", "-", "--fail", "--location", "--silent", "--show-error"]
    curl += ["--retry", "3", "--connect-timeout", "20", "--proto", "=https,http,file"]
    curl += ["--parallel", "--parallel-max", "10", "--fail-early"]
    curl += ["--write-out", "%{stderr}%{filename_effective} %{size_download} B\n"]
    said = config(source, (path for _, path in rows))
    fetched = subprocess.run(curl, input=said, text=True, cwd=folder, check=False)
    if fetched.returncode:
        sys.exit(f"the jars could not be fetched: curl ended with {fetched.returncode}, see above")
    if differing := wrong({Path(path).name: digest for digest, path in rows}, folder):
        sys.exit(f"error: not the jars of {listing.name}: {' '.join(differing)}")
    for jar in folder.glob("eclipse-collections-*.jar"):
        unsign(jar)


def _texts(element: ET.Element) -> dict[str, str]:
    return {child.tag: (child.text or "").strip() for child in element}


def _proxy(proxies: Iterable[Mapping[str, str]], url: SplitResult) -> Mapping[str, str]:
    """Return the proxy for an address, of its own protocol first; empty for none."""
    active = [one for one in proxies if one.get("active", "true") == "true" and one.get("host")]
    active.sort(key=lambda one: one.get("protocol", "http") != url.scheme)
    proxy = next(iter(active), {})
    past = proxy.get("nonProxyHosts", "").split("|")
    return {} if any(fnmatch(url.hostname or "", one.strip()) for one in past) else proxy


def _mirrors(pattern: str) -> bool:
    """Say whether a `mirrorOf` is of central."""
    words = [word.strip() for word in pattern.split(",")]
    return f"!{CENTRAL}" not in words and not {CENTRAL, "*", "external:*"}.isdisjoint(words)


def _login(entry: Mapping[str, str]) -> str:
    name, password = entry.get("username", ""), entry.get("password", "")
    return f"{name}:{password}" if name else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
