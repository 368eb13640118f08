"""What is asked of passwords."""

import asyncio

import pytest
from argon2 import PasswordHasher

from paddock.access import passwords
from paddock.access.passwords import Passwords
from paddock.base.errors import Invalid, Throttled


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "12 characters"),
        ("elevenchars", "12 characters"),
        ("password1234", "first that anybody"),
        ("Administrator!", "first that anybody"),
        ("aaaaaaaaaaaa", "first that anybody"),
        ("abcdefghijklmnop", "first that anybody"),
        ("12345678901234", "first that anybody"),
        ("wxyzwxyzwxyz", "first that anybody"),
        ("maria.huber2026!", "user name"),
        ("x" * 1001, "1000"),
    ],
)
def test_a_weak_password_is_refused_beside_its_field(password: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as refused:
        passwords.check(password, name="Maria.Huber", field="new_password")
    assert refused.value.details[0].field == "new_password"


@pytest.mark.parametrize("password", ["winter fence post 7", "Tr0ub4dor&3-horse", "ÄÖÜ-mit-Umlauten"])
def test_a_decent_password_is_taken(password: str) -> None:
    passwords.check(password, name="maria")


async def test_a_hash_fits_its_password_only() -> None:
    hasher = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await hasher.hash("winter fence post 7")
    assert await hasher.verify(stored, "winter fence post 7")
    assert not await hasher.verify(stored, "winter fence post 8")
    assert not await hasher.verify("", "winter fence post 7")
    assert not await hasher.verify("not a hash", "winter fence post 7")


async def test_an_unknown_user_costs_a_hash_too() -> None:
    verified: list[str] = []

    class Watching(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            verified.append(str(hash))
            return super().verify(hash, password)

    hasher = Passwords(Watching(time_cost=1, memory_cost=8, parallelism=1))
    assert not await hasher.verify("", "anything at all")
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$")


async def test_a_hash_with_weaker_parameters_is_old() -> None:
    weak = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stored = await weak.hash("winter fence post 7")
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)).is_old(stored)
    assert not weak.is_old(stored)


async def test_only_so_many_wait_for_their_hash() -> None:
    hasher = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    answers = await asyncio.gather(*(hasher.hash(str(n)) for n in range(200)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Throttled)]
    assert len(refused) == 200 - 32
    assert await hasher.hash("afterwards")
