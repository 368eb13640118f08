"""An upload while it is arriving: multipart/form-data as pveproxy reads it.

Source: pve-http-server `AnyEvent.pm` (`file_upload_multipart`). Fields come before the file; whatever follows
the file's head up to the closing boundary is the file. It is counted and hashed, never kept.
"""

from __future__ import annotations

import hashlib
import re

_NAME = re.compile(rb'^Content-Disposition: (.*?); name="([^"]*)"(?:; filename="([^"]*)")?', re.I | re.M)
_HEAD_LIMIT = 2048
_FIELD_LIMIT = 64 * 1024
_ALGORITHMS = frozenset(("md5", "sha1", "sha224", "sha256", "sha384", "sha512"))


class BadUpload(Exception):
    """What pveproxy says of a body that it cannot read."""


class Upload:
    """Takes the bytes of a body as they come."""

    __slots__ = ("_boundary", "_buffer", "_hash", "_left", "_number", "fields", "finished", "size")

    def __init__(self, boundary: str, length: int, number: str) -> None:
        self._boundary = b"--" + boundary.encode("latin-1")
        self._buffer = b""
        self._left = length
        self._number = number  # in the temporary file's name
        self._hash: hashlib._Hash | None = None  # once the file has begun
        self.fields: dict[str, object] = {}
        self.size = 0
        self.finished = False  # the closing boundary has been read

    @property
    def complete(self) -> bool:
        """Whether the announced number of bytes has arrived."""
        return self._left == 0

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body; returns what comes after it. Raises BadUpload."""
        taken, rest = data[: self._left], data[self._left :]
        self._left -= len(taken)
        if not self.finished:
            self._buffer += taken
            while self._hash is None and self._part():
                pass
            if self._hash is not None:
                self._file()
            elif len(self._buffer) > _FIELD_LIMIT:
                self._buffer = self._buffer[-_HEAD_LIMIT:]
        if self.complete and not self.finished:
            raise BadUpload("upload failed")
        return rest

    def _part(self) -> bool:
        """Read one part's head and, unless it is the file, its value; False where more has to come."""
        start = self._buffer.find(self._boundary)
        head_end = self._buffer.find(b"\r\n\r\n", start) if start >= 0 else -1
        if head_end < 0:
            return False
        match = _NAME.search(self._buffer, start, head_end)
        if match is None or match[1].strip().lower() != b"form-data":
            raise BadUpload("wrong content disposition in multipart - abort upload")
        name = match[2].decode("utf-8", "replace")
        if match[3] is not None:
            if name != "filename":
                raise BadUpload(f"wrong field name '{name}' for file upload, expected 'filename'")
            self.fields["filename"] = match[3].decode("utf-8", "replace").strip()
            self.fields["tmpfilename"] = f"/var/tmp/pveupload-{self._number}"  # noqa: S108 - no file of ours
            self._buffer = self._buffer[head_end + 4 :]
            algorithm = str(self.fields.get("checksum-algorithm", "md5"))
            self._hash = hashlib.new(algorithm if algorithm in _ALGORITHMS else "md5", usedforsecurity=False)
            return False
        end = self._buffer.find(b"\r\n" + self._boundary, head_end)
        if end < 0:
            return False
        value = self._buffer[head_end + 4 : end] if end >= head_end + 4 else b""
        self.fields[name] = value.decode("utf-8", "replace").strip()
        self._buffer = self._buffer[end + 2 :]
        return True

    def _file(self) -> None:
        close = self._boundary + b"--"
        end = self._buffer.find(close)
        if end >= 0:
            content = self._buffer[:end]
            content = content.removesuffix(b"\n").removesuffix(b"\r")
            self.finished, self._buffer = True, b""
        else:
            keep = len(close) + 2
            content, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
        self.size += len(content)
        assert self._hash is not None
        self._hash.update(content)

    def checksum(self, algorithm: str) -> str:
        """The file's checksum by the algorithm that was named before it came; empty for another."""
        known = self._hash
        return known.hexdigest() if known is not None and known.name.replace("-", "") == algorithm else ""
