"""Secrets at rest: bound to their key and their place, and shy."""

import base64
import hashlib
import os
import stat
from pathlib import Path

import pytest

from paddock.base.vault import (
    BadKey,
    Secret,
    Vault,
    VaultLocked,
    create_key,
    decode_key,
    load_key,
    ring_of,
)

KEY, OTHER = os.urandom(32), os.urandom(32)
SECRET = Secret("winter fence post 7 · ä")


def test_what_is_sealed_opens_in_its_place() -> None:
    vault = Vault({"k1": KEY}, "k1")
    sealed = vault.seal(SECRET, context="cluster:a")
    assert vault.open(sealed, context="cluster:a").reveal() == SECRET.reveal()
    assert SECRET.reveal() not in sealed
    assert sealed.isascii()


def test_the_same_secret_never_looks_the_same() -> None:
    vault = Vault({"k1": KEY}, "k1")
    assert vault.seal(SECRET, context="a") != vault.seal(SECRET, context="a")


def test_a_value_copied_to_another_place_does_not_open() -> None:
    vault = Vault({"k1": KEY}, "k1")
    with pytest.raises(VaultLocked):
        vault.open(vault.seal(SECRET, context="cluster:a"), context="cluster:b")


def test_another_key_does_not_open_it_and_says_what_to_do() -> None:
    sealed = Vault({"k1": KEY}, "k1").seal(SECRET, context="a")
    for vault in (Vault({"k1": OTHER}, "k1"), Vault({"k2": KEY}, "k2")):
        with pytest.raises(VaultLocked) as caught:
            vault.open(sealed, context="a")
        assert "PADDOCK_KEY" in (caught.value.hint or "")


def test_a_ring_opens_what_an_older_key_has_sealed() -> None:
    sealed = Vault({"k1": KEY}, "k1").seal(SECRET, context="a")
    ring = Vault({"k1": KEY, "k2": OTHER}, "k2")
    assert ring.open(sealed, context="a") == SECRET
    assert ring.seal(SECRET, context="a").startswith("v1.k2.")


def test_every_changed_character_is_noticed() -> None:
    vault = Vault({"k1": KEY}, "k1")
    sealed = vault.seal(SECRET, context="a")
    for position in range(len(sealed)):
        other = "A" if sealed[position] != "A" else "B"
        changed = sealed[:position] + other + sealed[position + 1 :]
        try:
            opened = vault.open(changed, context="a")
        except VaultLocked:
            continue
        # the last characters of base64 may hold unused bits
        assert opened == SECRET
        assert position >= len(sealed) - 3


@pytest.mark.parametrize(
    "broken", ["", "v1", "v1.k1", "v1.k1.", "v1.k1.!!", "v2.k1.AAAA", "v1.k1.ä", "..", "v1.k1.AAAA"]
)
def test_what_is_no_sealed_value_is_refused_alike(broken: str) -> None:
    with pytest.raises(VaultLocked):
        Vault({"k1": KEY}, "k1").open(broken, context="a")


def test_a_secret_does_not_show_itself() -> None:
    for shown in (repr(SECRET), str(SECRET), f"{SECRET}", f"{[SECRET]}", "%s" % SECRET):  # noqa: UP031
        assert "winter" not in shown
    assert Secret("x") == Secret("x")
    assert Secret("x") != Secret("y")
    assert Secret("x") != "x"


def test_the_current_key_must_be_in_the_ring() -> None:
    with pytest.raises(ValueError, match="ring"):
        Vault({"k1": KEY}, "k2")


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "secret.key"
    first = create_key(path)
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == create_key(path) == first
    assert [one.name for one in path.parent.iterdir()] == ["secret.key"]


def test_a_key_that_cannot_be_written_whole_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        create_key(tmp_path / "secret.key")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mistyped.key"
    with pytest.raises(BadKey, match=r"mistyped\.key is missing") as caught:
        load_key(path)
    assert "PADDOCK_KEY_FILE" in (caught.value.hint or "")
    assert not path.exists()


def test_a_key_has_a_name_of_its_own_and_opens_what_it_sealed_as_k1() -> None:
    old = Vault({"k1": KEY}, "k1").seal(SECRET, context="a")
    mine, other = ring_of(KEY), ring_of(OTHER)
    assert mine.open(old, context="a") == SECRET
    new = mine.seal(SECRET, context="a")
    assert new.split(".")[1] == hashlib.sha256(KEY).hexdigest()[:8]
    assert ring_of(KEY).open(new, context="a") == SECRET
    for sealed in (old, new):
        with pytest.raises(VaultLocked):
            other.open(sealed, context="a")


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "ä" * 44])
def test_what_is_no_key_is_refused_with_a_way_out(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadKey, match="PADDOCK_KEY") as caught:
        decode_key(text)
    assert "openssl rand" in (caught.value.hint or "")
    path = tmp_path / "secret.key"
    path.write_text(text)
    with pytest.raises(BadKey, match=r"secret\.key"):
        load_key(path)
    assert path.read_text() == text, "a key is never replaced"
