"""Modbus without I/O, both roles.

=============  ====================================================================
``types``      how values lie in registers
``bindings``   points, blocks, maps: where a device's quantities lie
``image``      registers that are known
``plan``       the fewest legal requests for what is wanted
``messages``   shapes of requests and answers; ``pdu`` keeps them in a table by function
``exceptions`` exception codes and what they mean
``serve``      any store of coils and registers as a server; ``store`` keeps one in memory
``framing``    RTU, ASCII and TCP
=============  ====================================================================
"""
