"""The error tree: one root, exit codes as documented, and what a server edge answers."""

from __future__ import annotations

import inspect

from wattproof import errors


def test_every_error_hangs_on_the_one_root_and_is_drawn_in_the_tree() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert len(classes) > 15
    for error in classes:
        assert issubclass(error, errors.WattproofError)
        assert error.__name__ in (errors.__doc__ or "")
        assert error.exit_code in (1, 2, 4, 5)
        assert 1 <= error.modbus_exception <= 0x0B
        assert 400 <= error.http_status <= 599


def test_a_modbus_refusal_carries_its_exception_code() -> None:
    assert errors.ModbusRefused(2, "no such register").modbus_exception == 2
