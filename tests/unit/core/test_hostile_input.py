"""No input gets through a reader: a short form of the session `fuzz`, which takes ten minutes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import inputs
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_meets_what_it_reads_every_day(name: str) -> None:
    """Else the rest would only try how it refuses."""
    for seed in TARGETS[name].seeds:
        TARGETS[name].read(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_input_gets_through_a_reader(name: str, data: st.DataObject) -> None:
    """Whatever a file holds or a server sends, it is read, or refused in words of ours."""
    TARGETS[name].read(data.draw(inputs(TARGETS[name])))
