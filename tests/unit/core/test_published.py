"""Where what a service publishes answers, when there are several machines."""

from scripts.core.stack import Link, Port, Probe, Service


def test_a_service_on_another_machine_answers_there() -> None:
    """Its ports, our calls and the pages for people."""
    one = Service(
        name="web",
        container="web-1",
        image="example/web:1",
        ports=(Port(host="0.0.0.0", published=9000, target=90),),
        probes=(Probe(kind="http", port=9000),),
        links=(Link(label="more", url="http://127.0.0.1:9000/more"),),
    )
    there = one.at("192.0.2.7")

    assert {there.ports[0].host, there.probes[0].host} == {"192.0.2.7"}
    assert there.links[0].url == "http://192.0.2.7:9000/more"
    assert one.at("") is one
