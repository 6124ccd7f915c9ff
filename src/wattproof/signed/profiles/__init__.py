"""What two programs in wide use would say to a session: S.A.F.E. transparenzsoftware 1.4.1 and Chargy core 0.12.

The tables describe their published sources; they change no verdict of ours. Verifier specification, section 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wattproof.signed.profiles import chargy, safe
from wattproof.signed.profiles.prediction import UNKNOWN, Prediction, Profile, Surroundings
from wattproof.signed.records import Record
from wattproof.signed.sessions import Session

__all__ = ["PROFILES", "Prediction", "Profile", "Surroundings", "predict_records"]

PROFILES: dict[str, Profile] = {
    "safe-1.4.1": Profile("S.A.F.E. transparency software 1.4.1", safe.predict),
    "chargy-0.12": Profile("Chargy 0.12", chargy.predict),
}


def predict_records(
    records: Sequence[Record], session: Session | None, surroundings: Surroundings
) -> Mapping[str, Prediction]:
    """The prediction of every profile for one session (or one loose record, then ``session`` is ``None``)."""
    return {name: _safely(profile, records, session, surroundings) for name, profile in PROFILES.items()}


def _safely(
    profile: Profile, records: Sequence[Record], session: Session | None, surroundings: Surroundings
) -> Prediction:
    """A record that no table foresaw leaves the prediction open; it never ends the run."""
    try:
        return profile.predict(records, session, surroundings)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return Prediction(UNKNOWN)
