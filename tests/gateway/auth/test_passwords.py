"""Hashing, the two threads, and what a new password must be."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.auth.house import Held
from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.keys import check_key, check_name
from wattproof.gateway.auth.passwords import Hashing, Verifier


@pytest.mark.proves("G-308")
async def test_a_password_is_stored_as_argon2id_with_the_figures_of_the_specification():
    verifier = Verifier()
    try:
        stored = await verifier.hash("correct horse")
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        salt, digest = stored.split("$")[4:]
        assert (len(salt), len(digest)) == (22, 43)  # 16 and 32 bytes in base64
        assert await verifier.verify(stored, "correct horse")
        assert not await verifier.verify(stored, "correct horsf")
    finally:
        verifier.close()


@pytest.mark.proves("G-308")
async def test_a_user_who_does_not_exist_costs_one_verification_with_the_same_parameters(verifier: Verifier):
    stored = await verifier.hash("correct horse")
    await verifier.verify(stored, "wrong")
    assert verifier.count == 1
    assert not await verifier.verify(None, "wrong")
    assert verifier.count == 2
    nobody = verifier.hashing.of_nobody()
    assert nobody.rsplit("$", 2)[0] == stored.rsplit("$", 2)[0]
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in stored.split("$")]
    # It is one that the library really computes, and not one that it refuses at a glance.
    assert not verifier.hashing.verify(nobody, "wrong")


def test_weaker_parameters_are_noticed_and_stronger_ones_kept():
    now = Hashing(memory=64, passes=2)
    assert now.weaker(Hashing(memory=32, passes=2).hash("x"))
    assert now.weaker(Hashing(memory=64, passes=1).hash("x"))
    assert now.weaker("$2b$12$something-else")
    assert not now.weaker(now.hash("x"))
    assert not now.weaker(Hashing(memory=128, passes=3).hash("x"))


def test_composed_and_decomposed_accents_are_one_password():
    hashing = Hashing(memory=64, passes=1)
    assert hashing.verify(hashing.hash("schlüssel"), "schlu\u0308ssel")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA", "ä$"])
def test_a_stored_text_that_cannot_be_read_is_no_password(stored: str):
    assert not Hashing(memory=64, passes=1).verify(stored, "x")


async def test_a_password_that_is_longer_than_any_is_wrong_for_the_usual_price(verifier: Verifier):
    stored = await verifier.hash("x" * 1024)
    assert await verifier.verify(stored, "x" * 1024)
    # Normalising this would stop the process for seconds: its marks are to be sorted.
    assert not await verifier.verify(stored, "a" + "\u0315\u0300" * 100_000)
    assert not await verifier.verify(stored, "")
    assert verifier.count == 3
    with pytest.raises(Refusal, match="invalid key length"):
        check_key("a" + "\u0315\u0300" * 100_000, name="a")


@pytest.mark.proves("G-315")
async def test_two_run_sixteen_wait_and_the_next_is_refused():
    hashing = Held(memory=64, passes=1)
    verifier = Verifier(hashing)
    stored = hashing.hash("right")
    try:
        tasks = [asyncio.create_task(verifier.verify(stored, "right")) for _ in range(18)]
        while len(hashing.running) < 2:
            await asyncio.sleep(0.001)
        with pytest.raises(Refusal) as refused:
            await verifier.verify(stored, "right")
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        assert (len(hashing.running), verifier.busy) == (2, 18)

        tasks[-1].cancel()  # a client that is gone gives its place to the next
        await asyncio.wait([tasks[-1]])
        assert verifier.busy == 17
        tasks[-1] = asyncio.create_task(verifier.verify(stored, "wrong"))
        await asyncio.sleep(0)
        hashing.gate.set()
        assert await asyncio.gather(*tasks) == [True] * 17 + [False]
        assert verifier.busy == 0
    finally:
        hashing.gate.set()
        verifier.close()


@pytest.mark.proves("G-306")
@pytest.mark.parametrize(
    ("compat", "key", "text"),
    [
        ("none", "a" * 7, "invalid key length"),
        ("none", "a" * 8, None),
        ("none", "a" * 64, None),
        ("none", "a" * 65, "invalid key length"),
        ("g13", "", "invalid key length"),
        ("g13", "a", None),
        ("g13", "a" * 16, None),
        ("g13", "a" * 17, "invalid key length"),
        ("none", "u\u0308" * 8, None),  # eight characters after NFC
        ("none", "u\u0308" * 7, "invalid key length"),
        ("none", "with\x00null", "invalid key"),
        ("none", "with\ttab ", "invalid key"),
        ("none", "with\x7fdel", "invalid key"),
        ("none", "with\x85nel", "invalid key"),
        ("none", "half\ud800 of", "invalid key"),
        ("none", "old-secret", "new key equals old key"),
        ("none", "operator1", "key equals name"),
        ("none", "Operator1", "key equals name"),
        ("none", "operator2", None),
        ("none", "pass: word €", None),
    ],
)
def test_what_a_new_password_must_be(compat: str, key: str, text: str | None):
    if text is None:
        check_key(key, name="operator1", old="old-secret", compat=compat)
        return
    with pytest.raises(Refusal) as refused:
        check_key(key, name="operator1", old="old-secret", compat=compat)
    assert (refused.value.status, refused.value.text) == (400, text)


def test_user_names():
    assert [check_name(name) for name in ("a", "0", "Username1", "a" * 20)] == ["a", "0", "username1", "a" * 20]
    for name in ("", "a" * 21, "a b", "a:b", "ä", "\u212a", "a\n", "a-b"):  # Kelvin, whose small letter is k
        with pytest.raises(Refusal, match="invalid user name"):
            check_name(name)
