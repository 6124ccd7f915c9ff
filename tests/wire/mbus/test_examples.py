"""The examples in the docstrings run as they stand there."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from wattproof.wire import mbus

MODULES = [mbus.__name__, *(f"{mbus.__name__}.{module.name}" for module in pkgutil.iter_modules(mbus.__path__))]


@pytest.mark.parametrize("name", MODULES, ids=[name.rpartition(".")[2] for name in MODULES])
def test_examples_of_a_module(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted or name != mbus.__name__


def test_every_public_name_is_there() -> None:
    assert [name for name in mbus.__all__ if not hasattr(mbus, name)] == []
