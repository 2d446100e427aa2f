"""Where Neo4j's image fetches its jars: from where the host's Maven would."""

import neo4j_jars as jars
import pytest

OWN = "https://own.example/maven2"
MIRROR = "<mirror><id>corp</id><mirrorOf>{}</mirrorOf><url>https://mirror.example/m/</url></mirror>"
SERVER = "<server><id>{}</id><username>me</username><password>p&quot;w\\</password></server>"


def settings(mirrors: str = "", servers: str = "", proxies: str = "") -> str:
    """Return a settings.xml, with the namespace that Maven's own template has."""
    parts = {"mirrors": mirrors, "servers": servers, "proxies": proxies}
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items())
    return f'<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">{inner}</settings>'


def test_without_settings_it_is_mavens_own_place() -> None:
    """Which stands in Maven's super POM."""
    assert jars.repository("<settings/>\n", OWN) == jars.Repository(url=OWN)


@pytest.mark.parametrize("pattern", ["central", "*", "external:*", "other, central", "*,!other"])
def test_a_mirror_of_central_takes_its_place(pattern: str) -> None:
    """With or without a slash at its end."""
    found = jars.repository(settings(MIRROR.format(pattern)), OWN)

    assert found == jars.Repository(url="https://mirror.example/m")


@pytest.mark.parametrize("pattern", ["other", "*,!central", "external:http:*", ""])
def test_a_mirror_of_something_else_does_not(pattern: str) -> None:
    """Central stays where it is."""
    assert jars.repository(settings(MIRROR.format(pattern)), OWN) == jars.Repository(url=OWN)


@pytest.mark.parametrize(("server", "mirrors"), [("corp", MIRROR.format("*")), ("central", "")])
def test_the_login_is_that_of_the_server_that_is_asked(server: str, mirrors: str) -> None:
    """Maven finds it by the mirror's id."""
    found = jars.repository(settings(mirrors, SERVER.format(server)), OWN)

    assert found.login == 'me:p"w\\'


def test_the_login_of_another_server_goes_nowhere() -> None:
    """It is a secret of somebody else's."""
    assert not jars.repository(settings("", SERVER.format("other")), OWN).login


def test_a_mirror_that_names_central_goes_before_a_pattern() -> None:
    """Wherever it stands."""
    others = MIRROR.format("*").replace("mirror.example", "any.example")

    found = jars.repository(settings(others + MIRROR.format("central")), OWN)

    assert found.url == "https://mirror.example/m"


PROXY = "<host>px</host><port>3128</port>"


@pytest.mark.parametrize(
    ("proxies", "address", "login"),
    [
        ([PROXY], "http://px:3128", ""),
        ([f"<protocol>https</protocol>{PROXY}"], "http://px:3128", ""),
        (["<host>a</host>", f"<protocol>https</protocol>{PROXY}"], "http://px:3128", ""),
        (
            ["<host>px</host><username>u</username><password>p@s/w:%41#</password>"],
            "http://px:8080",
            "u:p@s/w:%41#",
        ),
        ([f"<active>false</active>{PROXY}"], "", ""),
        ([f"<nonProxyHosts>localhost|*.example</nonProxyHosts>{PROXY}"], "", ""),
        ([f"<nonProxyHosts>*.corp</nonProxyHosts>{PROXY}"], "http://px:3128", ""),
    ],
    ids=["any", "https", "of the same protocol", "login", "inactive", "past it", "not past it"],
)
def test_an_active_proxy_is_used_as_maven_does(
    proxies: list[str], address: str, login: str
) -> None:
    """Without one curl's own variables hold."""
    text = "".join(f"<proxy>{one}</proxy>" for one in proxies)

    found = jars.repository(settings(proxies=text), OWN)

    assert (found.proxy, found.proxy_login) == (address, login)


def test_curl_reads_the_login_and_the_addresses() -> None:
    """Quotes and backslashes of a password stay what they are."""
    source = jars.Repository(url="https://mirror.example/m", login='me:p"w\\')

    assert jars.config(source, ["org/a/1/a-1.jar"]).splitlines() == [
        'user = "me:p\\"w\\\\"',
        'url = "https://mirror.example/m/org/a/1/a-1.jar"',
        'output = "a-1.jar"',
    ]
