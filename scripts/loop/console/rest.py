"""Pure: a query of the REST consoles, read: a method, a path, and JSON."""

import re
from dataclasses import dataclass

from scripts.core.errors import ConfigError
from scripts.core.foreign import documents
from scripts.core.texts import printable, short

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORM = re.compile(r"(?:(?P<method>[A-Za-z]+)\s+)?(?P<path>[^\s{\[]+)\s*(?P<body>.*)\Z", re.DOTALL)
PLAIN = re.compile(r"[!-~]+\Z")
"""What may stand in the first line of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked; the path begins with no slash, the body is JSON or empty."""

    method: str
    path: str
    query: str = ""
    """What stands after a question mark."""
    body: str = ""

    @property
    def named(self) -> str:
        """The request, without its body."""
        return f"{self.method} {self.path}"


def request(text: str, task: str) -> Request:
    """Return the request of a text such as: POST /collections/x/points/scroll {"limit": 1}.

    Without a method it is a GET, or with JSON a POST. Raises ConfigError for another form.
    """
    step = f"inv {task} --help"
    form = FORM.match(text.strip())
    if form is None or (form["method"] and form["method"].upper() not in METHODS):
        raise ConfigError(
            f"the query is {printable(short(text))!r}, wanted [METHOD] path [JSON]", next_step=step
        )
    if not PLAIN.match(form["path"]):
        raise ConfigError(
            f"the path is {printable(short(form['path']))!r}, wanted letters of ASCII, the others"
            " as %-escapes",
            next_step=step,
        )
    body = form["body"].strip()
    try:
        document = documents.parsed(body) if body else {}
    except ValueError as error:
        raise ConfigError(f"what follows the path is no JSON: {error}", next_step=step) from error
    if not isinstance(document, dict):
        raise ConfigError("what follows the path is JSON, but no object", next_step=step)
    path, _, query = form["path"].partition("?")
    method = (form["method"] or ("POST" if body else "GET")).upper()
    return Request(method=method, path=path.strip("/"), query=query, body=body)
