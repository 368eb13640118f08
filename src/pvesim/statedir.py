"""Keys and certificates that survive a restart, so that clients' trust does too."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pvesim.certificates import Authority, Certificate
from pvesim.model import Cluster, Estate, Node


def restore(estate: Estate, directory: Path) -> None:
    """Take what `directory` holds, make what it lacks, and write that. To be called once the nodes have
    their addresses; a leaf for another address is made anew. Raises OSError."""
    for cluster in estate.clusters.values():
        folder = directory / cluster.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _authority(cluster, folder)
        for node in cluster.nodes.values():
            _leaf(node, folder)


def _authority(cluster: Cluster, folder: Path) -> None:
    known = _read(folder, "pve-root-ca")
    if known is not None:
        cluster.authority = Authority(known)
    else:
        _write(folder, "pve-root-ca", cluster.authority.certificate)


def _leaf(node: Node, folder: Path) -> None:
    known = _read(folder, f"{node.name}-{node.address}")
    custom = _read(folder, f"{node.name}-custom")
    issuer = node.cluster.authority.certificate.x509.subject
    if known is not None and known.x509.issuer == issuer:
        node.install(known, custom)
        return
    _write(folder, f"{node.name}-{node.address}", node.leaf)
    if node.custom is not None:
        _write(folder, f"{node.name}-custom", node.custom)


def _read(folder: Path, name: str) -> Certificate | None:
    with contextlib.suppress(FileNotFoundError):
        return Certificate((folder / f"{name}.pem").read_text(), (folder / f"{name}.key").read_bytes())
    return None


def _write(folder: Path, name: str, certificate: Certificate) -> None:
    key = folder / f"{name}.key"
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(certificate.key_pem)
    (folder / f"{name}.pem").write_text(certificate.pem)
