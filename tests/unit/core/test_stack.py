"""The small questions that the words of the domain answer themselves."""

from graphlib import CycleError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.look import Container, Look, Reading, State
from scripts.core.stack import Auth, Service, Stack, by_need


def service(name: str, *needs: str) -> Service:
    """Return a service that needs others."""
    return Service(name=name, container=f"{name}-1", image=f"{name}:1", needs=needs)


STACK = Stack(
    project="test",
    folder=Path("/test"),
    services=(
        service("api", "graph", "vectors"),
        service("graph"),
        service("vectors", "meta", "store"),
        service("meta"),
        service("store", "meta"),
        service("panel", "vectors"),
    ),
)


@pytest.mark.parametrize(
    ("named", "closure"),
    [
        (("graph",), ("graph",)),
        (("vectors",), ("vectors", "meta", "store")),
        (("api",), ("api", "graph", "vectors", "meta", "store")),
        (("store", "graph"), ("graph", "meta", "store")),
        ((), ()),
    ],
)
def test_a_closure_holds_all_that_is_needed_in_the_order_of_the_file(
    named: tuple[str, ...], closure: tuple[str, ...]
) -> None:
    """What a service needs is followed to the end, each once, in one order always."""
    assert STACK.closure(named) == closure


@given(st.permutations(STACK.services))
def test_what_is_needed_comes_first_whatever_the_order_of_the_file(services: list[Service]) -> None:
    """A file has its services in any order, Compose prints them by the alphabet."""
    order = [one.name for one in by_need(services)]

    assert sorted(order) == sorted(STACK.names())
    assert all(order.index(need) < order.index(one.name) for one in services for need in one.needs)


def test_no_order_is_found_for_services_that_need_each_other() -> None:
    """Compose refuses such a file first; whoever comes past it is no endless loop."""
    with pytest.raises(CycleError):
        by_need((service("a", "b"), service("b", "a")))


def test_services_that_need_each_other_are_followed_once() -> None:
    """A circle in depends_on ends; Compose refuses it later, with its own words."""
    circle = Stack(
        project="test", folder=Path("/"), services=(service("a", "b"), service("b", "a"))
    )

    assert circle.closure(("a",)) == ("a", "b")


def test_a_service_is_found_by_name() -> None:
    """`service` gives the one of that name, and KeyError for one that is not there."""
    assert STACK.service("meta").container == "meta-1"
    with pytest.raises(KeyError, match="nothing"):
        STACK.service("nothing")


def test_a_snapshot_is_asked_by_service() -> None:
    """A service that was not created or not probed has None, not an error."""
    container = Container(id="1", service="api", name="api-1", state=State.RUNNING)
    reading = Reading(service="api", ok=True, detail="200")
    seen = Look(containers=(container,), readings=(reading,))

    assert (seen.container("api"), seen.reading("api")) == (container, reading)
    assert (seen.container("graph"), seen.reading("graph")) == (None, None)


def test_a_password_is_not_in_the_text_of_a_login() -> None:
    """A traceback or a log with an Auth in it does not give the password away."""
    assert "hunter2" not in repr(Auth(kind="basic", user="u", password="hunter2"))
