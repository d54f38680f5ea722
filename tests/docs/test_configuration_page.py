"""The page of all configuration keys is what the schema and the files say now."""

import pytest
from configuration_page import PAGE, page

pytestmark = pytest.mark.once


def test_the_page_is_current_and_says_what_every_key_means():
    text = PAGE.read_text()
    assert text == page(), "run: python tests/helpers/configuration_page.py"
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if row.rpartition("|")[0].endswith("|  ")]
