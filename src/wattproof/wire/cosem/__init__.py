"""COSEM and DLMS without I/O, both roles (IEC 62056-53, -61, -62; abb-meters.md part 2).

===========  =====================================================
``data``     values with their types, and their A-XDR bytes
``shapes``   taking data apart
``lengths``  lengths as BER and A-XDR write them
===========  =====================================================
"""
