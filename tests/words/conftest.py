"""The language of the source, before and after every test of words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emeth_tui.words.translation import set_language


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")
