"""What a device says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Identity of one meter.

    ``model`` and ``variant`` are names of this package ("bsm", "cm13"); ``manufacturer``, ``type``, ``serial`` and
    ``firmware`` are the device's own texts; ``public_key`` is a DER SubjectPublicKeyInfo, or ``None`` where the device
    does not sign.
    """

    model: str
    variant: str | None
    manufacturer: str
    type: str
    serial: str
    firmware: str
    public_key: bytes | None

    def as_dict(self) -> dict[str, str | None]:
        """For JSON: the key as hexadecimal."""
        return {
            "model": self.model,
            "variant": self.variant,
            "manufacturer": self.manufacturer,
            "type": self.type,
            "serial": self.serial,
            "firmware": self.firmware,
            "public_key": None if self.public_key is None else self.public_key.hex(),
        }
