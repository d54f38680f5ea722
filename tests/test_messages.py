"""The file of messages holds what tests assert, and nothing that is dead."""

from pathlib import Path

import pytest
from messages import assert_wording, stored_wording

pytestmark = pytest.mark.once

SOURCES = "\n".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))


@pytest.mark.parametrize("key", stored_wording())
def test_every_stored_message_is_asserted_by_a_test_that_names_its_key(key):
    assert f'"{key}"' in SOURCES


def test_another_wording_is_found(monkeypatch):
    monkeypatch.delenv("UPDATE_MESSAGES", raising=False)
    key, text = next(iter(stored_wording().items()))
    assert_wording(key, text)
    with pytest.raises(AssertionError):
        assert_wording(key, text + ".")
