"""Secrets sealed at rest: AES-256-GCM with a ring of keys.

A sealed value names its key and is bound to a context (for example `cluster:<id>`), so that a value
copied to another row does not open. The key comes from the environment, a systemd credential or a
file beside the data; it never goes into a backup or a log.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paddock.base.errors import PaddockError

KEY_BYTES = 32
_NONCE = 12
FIRST_NAME = "k1"
"""How every key was called once; what was sealed then still opens."""


class VaultLocked(PaddockError):
    """A sealed value cannot be opened: wrong key, or not the place it was sealed for."""

    default_code = "vault_locked"


class BadKey(PaddockError, ValueError):
    """What should be a key is none."""

    default_code = "bad_key"


class Secret:
    """A text that does not show itself. `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(self._value)


class Vault:
    """Seals with the current key; opens with any key of the ring, else as `fallback` does."""

    def __init__(self, keys: Mapping[str, bytes], current: str, *, fallback: Vault | None = None) -> None:
        if current not in keys:
            raise ValueError("the current key is not in the ring")
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._current = current
        self._fallback = fallback

    def is_own(self, sealed: str) -> bool:
        """Whether the current key has sealed it, by the name that it bears."""
        return sealed.startswith(f"v1.{self._current}.")

    def seal(self, secret: Secret, *, context: str) -> str:
        """Returns `v1.<key>.<base64>`, safe to store."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._current].encrypt(nonce, secret.reveal().encode(), context.encode())
        return f"v1.{self._current}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, context: str) -> Secret:
        """Raises VaultLocked where the key is missing or the value was sealed for another context."""
        try:
            version, name, body = sealed.split(".", 2)
            raw = base64.urlsafe_b64decode(body)
            if version != "v1":
                raise ValueError(version)
            return Secret(self._keys[name].decrypt(raw[:_NONCE], raw[_NONCE:], context.encode()).decode())
        except (KeyError, ValueError, InvalidTag):
            if self._fallback is not None:
                return self._fallback.open(sealed, context=context)
            raise VaultLocked(
                "A stored secret cannot be opened with the key that this process has.",
                hint="Start Paddock with the key it was sealed with: see PADDOCK_KEY, PADDOCK_KEY_FILE or secret.key in the data directory.",
            ) from None


def ring_of(key: bytes, also: bytes | None = None) -> Vault:
    """A vault that seals with `key` under a name made from it, so that another key is told from a broken value.

    What `also` has sealed opens too: while a change of the key is under way.
    """
    name = hashlib.sha256(key).hexdigest()[:8]
    return Vault({name: key, FIRST_NAME: key}, name, fallback=ring_of(also) if also else None)


def next_path(path: Path) -> Path:
    """Where the new key waits beside the old one until everything is sealed with it."""
    return path.with_name(f"{path.name}.next")


def promote(path: Path) -> None:
    """The new key takes the place of the old one, which is gone then."""
    os.replace(next_path(path), path)
    _sync_folder(path.parent)


def load_key(path: Path) -> bytes:
    """Reads the 32-byte key from `path` (base64). Raises BadKey where there is none."""
    try:
        return decode_key(path.read_text(), where=str(path))
    except FileNotFoundError:
        raise BadKey(
            f"The key file {path} is missing.",
            hint="Put it back from your backup, or name the right file in PADDOCK_KEY_FILE; a new key would lock the "
            f"stored credentials. For a new Paddock only, make one with: openssl rand -base64 32 > {path}",
        ) from None


def create_key(path: Path) -> bytes:
    """Makes a key, readable by its owner only, whole or not at all. One that is there already is kept and returned."""
    key = os.urandom(KEY_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(base64.b64encode(key).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename it never replaces a key
    except FileExistsError:
        return load_key(path)
    finally:
        os.unlink(draft)
    _sync_folder(path.parent)
    return key


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def decode_key(text: str, *, where: str = "PADDOCK_KEY") -> bytes:
    """Raises BadKey, which names `where` the text is from, unless it is 32 bytes in base64."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKey(
            f"The key in {where} is not {KEY_BYTES} bytes in base64.",
            hint="Put the right one back; without it the stored credentials cannot be opened. "
            "A new one is made with: openssl rand -base64 32",
        )
    return key
