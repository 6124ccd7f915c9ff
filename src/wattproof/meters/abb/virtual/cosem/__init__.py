"""The COSEM face of a virtual ABB meter (abb-meters.md part 2): objects over the body, over HDLC and the IP wrapper.

===============  ==========================================================================
``device``       the logical device of a variant: all its objects, who may ask, what guards it
``quantities``   the objects of the table of quantities
``identity``     who the meter is, status and alarm word, write access level
``clock``        class 8
``ports``        inputs, outputs, pulse outputs
``tariffs``      calendar, special days, scripts, tariff
``alarms``       settings and register monitors
``profiles``     load profile, previous values, demand, logs
``image``        firmware
``binding``      how an object's attributes and methods reach the body
``association``  an association with the faults that meters have there
``link``         the face on HDLC
``wrapped``      the faces on TCP and UDP, and all faces by protocol
``meaning``      frames and APDUs in words, for the journal
===============  ==========================================================================

Objects are made once for a variant and shared by all meters of it; the body of a meter is their context.
"""
