"""What a build needs of this host: mirrors, proxies and the CA bundle, as files for build secrets.

They are mounted while a build step runs and never end up in an image. Nothing here names a host:
everything comes from the host's own configuration.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from scripts.core import files
from scripts.core.inventory import ImageSource
from scripts.core.process import Runner
from scripts.images.recipes import BASE_RELEASE
from scripts.machine import apt_sources, pip_config

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/cert.pem",  # macOS, Alpine
)
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PIP_KEYS = (
    *("index-url", "extra-index-url", "trusted-host", "proxy"),
    *("timeout", "default-timeout", "retries"),
)
"""Settings of pip that mean the same inside a container; paths do not."""
FOR_UV = {
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "retries": ("UV_HTTP_RETRIES",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
}
"""The variables that make uv heed them, beside those that `pip_config.for_uv` has for indexes."""
APT_TELLS = 'APT::Status-Fd "2";\n'
PIP_TELLS = "progress-bar = raw\n"
"""With these a download says how far it is also where there is no terminal.

pip has it since 24.1, which an official image of Python may not have."""
ENV = {"BUILDX_BUILDER": "default"}
"""Another builder of the user keeps the image to itself, and has no network of the host."""
_HERE = re.compile(
    r"\b(https?://|socks\w*://)(?:[^/@\s]*@)?"
    r"((?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?)(?=[/\s\"']|$)"
    r"|\b(file:)(/[^\s\"']*)"
)
"""An address of this machine alone; what stands before it for a login is in no group."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def write(folder: Path, source: ImageSource, environ: Mapping[str, str], runner: Runner) -> None:
    """Write all files into `folder`, readable by their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    packages = source is ImageSource.PACKAGES
    texts = {
        # an official base image has sources of its own, of its own release
        "apt.sources": apt_sources.apt_sources(BASE_RELEASE) if packages else "",
        "apt.conf": f"{apt_sources.apt_conf(runner)}{APT_TELLS}" if packages else "",
        "ca.crt": ca_bundle(environ),
        "pip.conf": pip_conf(environ) + (PIP_TELLS if packages else ""),
        "uv.sh": uv_env(environ),
        "maven-settings.xml": maven_settings(pip_config.home()),
    }
    for name, text in texts.items():
        files.write(folder / name, text)


def only_here(folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses in what was written that lead to this very machine, wherever they are.

    A build on another machine finds something else there, or nothing.
    """
    texts = [files.content(file).decode(errors="replace") for file in sorted(folder.iterdir())]
    texts += [
        environ[name] for name in PROXIES if not name.lower().startswith("no_") and name in environ
    ]
    found = (match for text in texts for match in _HERE.finditer(text))
    return tuple(sorted({"".join(filter(None, match.groups())) for match in found}))


def ca_bundle(environ: Mapping[str, str]) -> str:
    """The host's CA certificates (PEM), an inspecting proxy's included; empty when unknown."""
    named = (environ.get(variable, "") for variable in CA_VARIABLES)
    for path in (*named, *CA_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_text(errors="replace")
    return ""


def pip_conf(environ: Mapping[str, str]) -> str:
    """Return a pip.conf with the host's index and proxy, and the CA bundle where builds have it."""
    settings = pip_config.settings(environ, pip_config.home())
    values = {key: settings[key] for key in PIP_KEYS if key in settings}
    values |= {"cert": "/run/secrets/ca", "disable-pip-version-check": "1"}
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def uv_env(environ: Mapping[str, str]) -> str:
    """Return the same settings as lines for a shell: uv reads none of pip's files.

    What the user has set for uv itself is not for builds, whose pip would not heed it.
    """
    for_pip = {name: value for name, value in environ.items() if not name.startswith("UV_")}
    pip = pip_config.settings(for_pip, pip_config.home())
    variables = pip_config.indexes_for_uv(for_pip, pip_config.home()) | {
        name: pip[key] for key, names in FOR_UV.items() if key in pip for name in names
    }
    return pip_config.exports(variables)


def maven_settings(home: Path) -> str:
    """Return the user's Maven settings, or empty ones."""
    file = home / ".m2" / "settings.xml"
    return file.read_text() if file.is_file() else "<settings/>\n"


def proxy_args(environ: Mapping[str, str]) -> list[str]:
    """Return the build arguments that hand proxies on; BuildKit keeps these out of images."""
    return [word for name in PROXIES if name in environ for word in ("--build-arg", name)]
