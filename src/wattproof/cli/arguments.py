"""Types of arguments that several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from cyclopts import Parameter, Token


def _decimal(kind: Any, tokens: Sequence[Token]) -> Decimal:
    try:
        number = Decimal(tokens[0].value)
    except InvalidOperation:
        raise ValueError(f"{tokens[0].value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{tokens[0].value!r} is not a finite number")
    return number


#: An exact decimal number, such as 12.5.
Number = Annotated[Decimal, Parameter(converter=_decimal)]
