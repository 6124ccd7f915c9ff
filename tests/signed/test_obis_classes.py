"""OBIS codes of signed records: four notations, one class."""

from __future__ import annotations

import pytest

from wattproof.signed.obis_classes import BILLING_ORDER, classify, tokens


@pytest.mark.proves("T-041")
@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("B2", "import mains session"),
        ("B0", "import mains total"),
        ("B3", "import device session"),
        ("C1", "export device total"),
        ("98", "import device session"),
        ("9C", "import mains session"),
        ("8C", "import mains total"),
    ],
)
def test_every_notation_classifies_alike(quantity: str, expected: str) -> None:
    notations = (
        f"01-00:{quantity}.08.00*FF",
        f"01-00:{quantity}.08.00.FF",
        f"0100{quantity}0800FF",
        f"1-0:{quantity.lower()}.8.0",
        f"1-b:{quantity}.8.e",
    )
    assert {str(classify(text)) for text in notations} == {expected}
    assert len({tokens(text) for text in notations[:3]}) == 1


@pytest.mark.proves("T-041", "T-040")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-b:1.8.0", "import mains total"),
        ("1-b:1.8.e", "import mains total"),
        ("1-0:1.8.0*255", "import mains total"),
        ("1-0:1.8.0*200", "import mains total"),
        ("0100010800FF", "import mains total"),
        ("1-0:1.8.0*198", "import mains session"),
        ("1-0:1.8.0*1", "informative register"),
        ("1-0:2.8.0*198", "informative register"),
        ("1-0:2.8.0", "export mains total"),
        ("1-0:1.8.1", "import mains total tariff 1"),
        ("1-b:1.9.0", "informative register"),
        ("00.08.06", "informative register"),
        ("8C.07.00", "informative register"),
        ("2-0:1.8.0", "informative register"),
        ("01-00:B4.08.00*FF", "reserved register"),
        ("01-00:C7.08.00*FF", "reserved register"),
        ("", "informative register"),
        ("no code", "informative register"),
        ("1-0:1.8.0*198*198", "informative register"),
    ],
)
def test_classes(text: str, expected: str) -> None:
    assert str(classify(text)) == expected
    assert classify(text).energy is ("register" not in expected)


@pytest.mark.proves("T-042")
def test_device_registers_are_billed_before_mains_and_import_before_export() -> None:
    ranked = ["B3", "B1", "B2", "B0", "C3", "C1", "C2", "C0"]
    ranks = [classify(f"01-00:{quantity}.08.00*FF").rank for quantity in ranked]
    assert ranks == sorted(ranks) == list(range(len(BILLING_ORDER)))
