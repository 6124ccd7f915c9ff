"""Any Modbus meter that a map file describes (g13-api.md 10.5): the family ``map``.

=================  ===============================================================
`quantities`       names that a map file may use, their units and OBIS codes
`types`            wire types with their orders, and raw values that mean nothing
`mapfile`          the file, checked whole
`driver`           asking such a meter
`probe`            recognising one on a bus
=================  ===============================================================
"""
