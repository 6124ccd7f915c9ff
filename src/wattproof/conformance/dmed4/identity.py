"""Which model it is: the code of function 17, the number of REST and the name in its records (section 1)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from wattproof.conformance.dmed4.common import MANUAL, expect, row
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.meters.dmed4.models import MODELS, Model, by_code, by_number
from wattproof.meters.dmed4.resources import SYSTEM_STATUS

_CHECK = Callable[[Dmed], Coroutine[object, object, str | None]]


async def named(meter: Dmed) -> Model | None:
    """The model as its records name it (MM); ``None`` for a name that is not known."""
    name = (await meter.existing()).field("MM")
    return next((model for model in MODELS if model.name == name), None)


async def claimed(meter: Dmed) -> Model:
    """The model by anything but function 17: the address, a record, or REST. ``Skipped`` if nothing says it."""
    told = next((model for model in MODELS if model.variant == (meter.variant or "").upper()), None)
    if told is None:
        try:
            told = await named(meter)
        except Skipped:
            told = None
    if told is None and meter.has_rest:
        number = await meter.rest.value(SYSTEM_STATUS, "model_code")
        told = None if number is None else by_number(number)
    if told is None:
        raise Skipped("nothing but function 17 says which model it is: name it, dmed4:404R1500+tcp://...")
    return told


def code_of(*models: Model) -> _CHECK:
    """A check that the code of function 17 is that of these models, if the meter is one of them."""

    async def check(meter: Dmed) -> str:
        found = (await meter.modbus.identity())[0]
        model = await claimed(meter)
        if model not in models:
            raise NotApplicable(f"it is a {model.name}")
        expect(found == models[0].code, f"a {model.name} has code 0x{models[0].code:02X}, this one 0x{found:02X}")
        return model.name

    return check


async def number(meter: Dmed) -> str | None:
    found = await meter.rest.value(SYSTEM_STATUS, "model_code")
    model = by_number(found)
    if model is None or found > 7:
        raise NotApplicable(f"the manual has no model for model_code {found} (DEC-02)")
    expect(await named(meter) == model, f"model_code {found} is {model.name}, the records say another name")
    return model.name


async def together(meter: Dmed) -> str:
    code = (await meter.modbus.identity())[0]
    found = await meter.rest.value(SYSTEM_STATUS, "model_code")
    model = by_number(found)
    if model is None:
        raise NotApplicable(f"model_code {found} is not known (DEC-02)")
    expect(model in by_code(code), f"model_code {found} is {model.name}, function 17 says 0x{code:02X}")
    return model.name


def _rows() -> tuple[tuple[str, tuple[Model, ...]], ...]:
    """Statements D-001 to D-010: a code and the models that have it, in the order of the manual's DMED404, DMED403."""
    codes = (0x4A, 0x48, 0x47, 0x46, 0x45, 0x43, 0x42, 0x41, 0x0C, 0x0D)
    return tuple((f"D-{index:03d}", by_code(code)) for index, code in enumerate(codes, 1))


ROWS = (
    *(
        row(
            statement,
            f"The code of {' and '.join(model.name for model in models)} is 0x{models[0].code:02X}",
            MANUAL,
            Need.READ,
            code_of(*models),
        )
        for statement, models in _rows()
    ),
    row("D-011", "model_code numbers the models as in the table", MANUAL, Need.READ, number, "DEC-02"),
    row("D-298", "Function 17 and model_code name the same model", MANUAL, Need.READ, together, "DEC-02"),
)
