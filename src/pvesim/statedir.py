"""What survives a restart: keys and certificates, so that clients' trust does too, and the estate itself.

`estate.json` is a scene that can be played on (`keeping`), written whole and put in place at once, so that
a kill loses the last seconds and never the file. Keys and certificates are files beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pvesim.certificates import Authority, Certificate
from pvesim.estate import Estate
from pvesim.keeping import encoded
from pvesim.model import Cluster, Node
from pvesim.scene import ClusterScene, SceneError, read_scene

FILE = "estate.json"
EVERY = 3.0  # seconds between two writings, if something has changed
_SHARE = 0.02  # of the time, at most, for looking whether something has


def kept_scenes(directory: Path, scenes: Sequence[ClusterScene] = ()) -> list[ClusterScene] | None:
    """The clusters kept in a directory, and of `scenes` those that it does not know; None where nothing is
    kept. Raises SceneError."""
    file = directory / FILE
    if not file.exists():
        return None
    try:
        known = read_scene(file)
    except SceneError as error:
        raise SceneError(f"{error} To start anew, remove that file.") from error
    names = {scene.name for scene in known}
    return [*known, *(scene for scene in scenes if scene.name not in names)]


class StateDirError(OSError):
    """A directory that cannot be used, in a sentence."""


class Keeper:
    """Writes an estate to its directory."""

    def __init__(self, estate: Estate, directory: Path) -> None:
        self._estate = estate
        self._directory = directory
        self._written = b""
        self._one_at_a_time = threading.Lock()
        self._certificates: dict[tuple[Path, str], str] = {}  # file → fingerprint

    def restore(self) -> None:
        """Take the keys and certificates that the directory holds, and write those that it lacks. To be
        called once the nodes have their addresses; a leaf for another address is made anew. Raises
        OSError."""
        for cluster in self._estate.clusters.values():
            folder = self._folder(cluster)
            known = _read(folder, "pve-root-ca")
            if known is not None:
                cluster.authority = Authority(known)
            for node in cluster.nodes.values():
                _leaf(node, folder)
        self.save()

    def save(self) -> bool:
        """Write what has changed; whether something had. Raises OSError."""
        return self._write(self._look())

    def _look(self) -> bytes:
        for cluster in self._estate.clusters.values():
            self._keys(cluster)
        return encoded(self._estate)

    def _write(self, data: bytes) -> bool:
        with self._one_at_a_time:  # the last one may overlap with one that was given up
            return data != self._written and self._put(data)

    def _put(self, data: bytes) -> bool:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self._directory / FILE
        beside = target.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        self._written = data
        return True

    async def keep_saving(self) -> None:
        """Write every few seconds, for ever. What cannot be written is tried again."""
        pause = EVERY
        while True:
            await asyncio.sleep(pause)
            began = time.perf_counter()
            data = self._look()
            pause = max(EVERY, (time.perf_counter() - began) / _SHARE)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._write, data)

    def _keys(self, cluster: Cluster) -> None:
        cluster.altered.lift()
        try:
            folder = self._folder(cluster)
            self._certificate(folder, "pve-root-ca", cluster.authority.certificate)
            for node in cluster.nodes.values():
                self._certificate(folder, f"{node.name}-{node.address}", node.leaf)
                self._certificate(folder, f"{node.name}-custom", node.custom)
        finally:
            cluster.altered.lay()

    def _certificate(self, folder: Path, name: str, certificate: Certificate | None) -> None:
        known = self._certificates.get((folder, name))
        if certificate is None:
            if known is not None:
                del self._certificates[folder, name]
                (folder / f"{name}.pem").unlink(missing_ok=True)
                (folder / f"{name}.key").unlink(missing_ok=True)
        elif known != certificate.pem:
            _write(folder, name, certificate)
            self._certificates[folder, name] = certificate.pem

    def _folder(self, cluster: Cluster) -> Path:
        folder = self._directory / cluster.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


@asynccontextmanager
async def keeping(estate: Estate, directory: Path) -> AsyncIterator[None]:
    """Restore keys and certificates, keep the estate while it is served, and at the end. Raises OSError."""
    keeper = Keeper(estate, directory)
    with contextlib.ExitStack() as stack:
        try:
            stack.callback(os.close, _locked(directory))
            keeper.restore()
        except StateDirError:
            raise
        except OSError as error:
            raise StateDirError(
                f"cannot keep an estate in {directory}: {error.strerror or error}."
            ) from error
        saving = asyncio.get_running_loop().create_task(keeper.keep_saving())
        try:
            yield
        finally:
            saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saving
            keeper.save()


def _locked(directory: Path) -> int:
    """Hold a directory: two simulators would overwrite each other's estate. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StateDirError(f"another simulator uses {directory}: choose another --state-dir.") from error
    return lock


def _leaf(node: Node, folder: Path) -> None:
    known = _read(folder, f"{node.name}-{node.address}")
    custom = _read(folder, f"{node.name}-custom")
    if known is not None and _issued(known, node.cluster.authority.certificate):
        node.install(known, custom or node.custom)
    elif custom is not None:
        node.custom = custom


def _issued(leaf: Certificate, issuer: Certificate) -> bool:
    return leaf.x509.issuer == issuer.x509.subject


def _read(folder: Path, name: str) -> Certificate | None:
    with contextlib.suppress(FileNotFoundError):
        return Certificate((folder / f"{name}.pem").read_text(), (folder / f"{name}.key").read_bytes())
    return None


def _write(folder: Path, name: str, certificate: Certificate) -> None:
    key = folder / f"{name}.key"
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(certificate.key_pem)
    (folder / f"{name}.pem").write_text(certificate.pem)
