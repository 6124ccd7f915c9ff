"""The worked examples of HDLC and COSEM, as the codecs have them."""

from tests.wire.conftest import examples

__all__ = ["examples"]
