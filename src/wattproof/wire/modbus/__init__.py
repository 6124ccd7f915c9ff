"""Modbus: frames, functions, register bindings, read plans."""
