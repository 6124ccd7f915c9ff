"""How deep a JSON text goes."""

from __future__ import annotations

import pytest

from wattproof.wire.nesting import too_deep


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("[[1]]", False),
        ("[[[1]]]", True),
        ('{"a":{"b":{}}}', True),
        ('[{"a":1},{"b":2},{"c":3}]', False),
        ("]]]]]][[", False),
        ("]]]]]][[[", True),
        (r'["\"[[[[", "]]"]', False),
        (r'["\\", [[1]]]', True),
        ('["[[[[', False),
        ('["\\', False),
    ],
)
def test_levels_count_outside_of_strings(text: str, expected: bool) -> None:
    assert too_deep(text, 2) is expected
