"""What the host's own apt settings say: mirror, keyring, proxies. Nothing here is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.core.errors import ConfigError
from scripts.core.process import Runner
from scripts.machine.system import System, this_system

APT = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
BUILD_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""Where the keyring lies inside the base image."""
ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>.*)"
)
KEPT_SETTING = re.compile(r"Acquire::(https?::|Retries )", re.IGNORECASE)
HOST_ONLY = re.compile(
    r"::(CaInfo|CaPath|SslCert|SslKey|CrlFile|Proxy-?Auto-?Detect) ", re.IGNORECASE
)
"""Settings that name a file of the host, which a build does not see."""


SECURITY = "-security"
"""What the suite of a release's security updates is called after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where packages come from, and the key that signs them."""

    uri: str
    suite: str
    """The release as the host's entry calls it."""
    keyring: Path
    security: str = ""
    """Where the host has its security updates from; nothing where it names no such place."""

    def lines(self, suite: str = "") -> str:
        """Return the entries for `suite` (the host's own by default) in apt's one-line form."""
        suite = suite or self.suite
        places = [
            (self.uri, suite),
            *([(self.security, f"{suite}{SECURITY}")] * bool(self.security)),
        ]
        return "".join(
            f"deb [signed-by={self.keyring}] {uri} {name} main\n" for uri, name in places
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    uri: str
    suites: tuple[str, ...]
    """Of releases: those that only add to one, such as -updates, and flat ones are left out."""
    secures: bool
    """It has security updates."""
    components: tuple[str, ...]
    signed_by: str


def find_mirror(
    system: System, family: str, *, apt: Path = APT, keyrings: Path = KEYRINGS
) -> Mirror:
    """Return the mirror of `family` (debian or ubuntu) that the host's own apt uses.

    Raises ConfigError when there is none, or when the archive's keyring is missing.
    """
    keyring = f"{family}-archive-keyring"
    fitting = [entry for entry in _entries(apt) if _fits(entry, system, family, keyring)]
    entries = [entry for entry in fitting if entry.suites]
    if not entries:
        raise ConfigError(
            f"the apt sources under {apt} name no mirror of {family}",
            next_step=f"install {keyring} and add an entry for {family} to {apt}/sources.list.d, "
            "or set IMAGE_SOURCE=registry in .env",
        )
    entry = max(entries, key=lambda entry: _rank(entry, system, family, keyring))
    signed_by = Path(entry.signed_by) if entry.signed_by else keyrings / f"{keyring}.gpg"
    if not signed_by.is_file():
        raise ConfigError(
            f"the keyring {signed_by} is missing, nothing from {entry.uri} can be verified",
            next_step=f"apt-get install {keyring}",
        )
    known = any(system.codename in entry.suites for entry in entries)
    suite = system.codename if known else entry.suites[0]
    security = next(
        (_plain(one.uri) for one in fitting if one.secures and one.signed_by == entry.signed_by), ""
    )
    return Mirror(uri=_plain(entry.uri), suite=suite, keyring=signed_by, security=security)


def apt_sources(release: str) -> str:
    """Return the deb822 text that a build in the base image needs, to install from `release`.

    The mirror is the host's own; errors as in `find_mirror`.
    """
    mirror = find_mirror(this_system(), "debian")
    places = ((mirror.uri, release), (mirror.security, f"{release}{SECURITY}"))
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\nSigned-By: {BUILD_KEYRING}\n"
        for uri, suite in places
        if uri
    )


def apt_conf(runner: Runner) -> str:
    """Return the host's proxies, retries and TLS settings as an apt.conf for use in a build.

    Left out is what names a file of the host.
    """
    dump = runner(["apt-config", "dump"], timeout=30).stdout.splitlines()
    kept = [line for line in dump if KEPT_SETTING.match(line) and not HOST_ONLY.search(line)]
    return "".join(f"{line}\n" for line in kept if not line.endswith(' "";'))


def _fits(entry: _Entry, system: System, family: str, keyring: str) -> bool:
    if "main" not in entry.components:
        return False
    if entry.signed_by:
        return keyring in entry.signed_by
    return system.release.get("ID") == family


def _rank(entry: _Entry, system: System, family: str, keyring: str) -> tuple[bool, bool, bool]:
    ends_so = urlsplit(entry.uri).path.rstrip("/").endswith(f"/{family}")
    return keyring in entry.signed_by, ends_so, system.codename in entry.suites


def _plain(uri: str) -> str:
    """An address that works elsewhere too: cloud images keep theirs in a file of the host."""
    if not uri.startswith("mirror+file:"):
        return uri
    return Path(urlsplit(uri).path).read_text(encoding="utf-8").split()[0]


def _entries(apt: Path) -> Iterator[_Entry]:
    parts = apt / "sources.list.d"
    for path in (apt / "sources.list", *sorted(parts.glob("*.list"))):
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                if match := ONE_LINE.fullmatch(line.partition("#")[0].strip()):
                    yield _one_line(match)
    for path in sorted(parts.glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            yield from _deb822(paragraph)


def _one_line(match: re.Match[str]) -> _Entry:
    options = dict(word.partition("=")[::2] for word in (match["options"] or "").split())
    signed_by = options.get("signed-by", "")
    return _entry(match["uri"], match["suite"], match["components"], signed_by)


def _deb822(paragraph: str) -> Iterator[_Entry]:
    lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
    text = re.sub(r"\n[ \t]+", " ", "\n".join(lines))
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    fields = {key.strip().lower(): value.strip() for key, value in pairs}
    if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
        rest = [fields.get(name, "") for name in ("suites", "components", "signed-by")]
        yield from (_entry(uri, *rest) for uri in fields.get("uris", "").split())


def _entry(uri: str, suites: str, components: str, signed_by: str) -> _Entry:
    return _Entry(
        uri=uri,
        suites=tuple(suite for suite in suites.split() if not re.search("[-/]", suite)),
        secures=any(suite.endswith(SECURITY) for suite in suites.split()),
        components=tuple(components.split()),
        signed_by=signed_by if signed_by.startswith("/") else "",
    )
