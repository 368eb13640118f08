"""Static files: held in memory, compressed once, addressed by their content so that browsers may keep them for ever."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
_TEXT = {".css", ".js", ".svg", ".md", ".txt"}
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".md": "text/plain"}


@dataclass(slots=True)
class Asset:
    name: str
    body: bytes
    version: str
    media_type: str
    packed: bytes | None = None


class Assets:
    """All files below a folder; an ASGI application to mount at /static."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._assets = {
            path.relative_to(folder).as_posix(): _read(folder, path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def path(self, name: str) -> str:
        """Path and version of a file below the mount. Raises KeyError where there is none: a bug in a template."""
        return f"/static/{name}?v={self._assets[name].version}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        await (await self._answer(request, path))(scope, receive, send)

    async def _answer(self, request: Request, name: str) -> Response:
        asset = self._assets.get(name)
        if asset is None or request.method not in {"GET", "HEAD"}:
            return Response("There is no such file.", status_code=404, media_type="text/plain")
        current = parse_qs(request.url.query).get("v") == [asset.version]
        headers = {
            "ETag": f'"{asset.version}"',
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
        }
        if asset.version in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", "") and _worth_packing(asset):
            if asset.packed is None:
                asset.packed = await asyncio.to_thread(gzip.compress, asset.body, 9)
            body, headers["Content-Encoding"] = asset.packed, "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def _read(folder: Path, path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(path.relative_to(folder).as_posix(), body, hashlib.sha256(body).hexdigest()[:12], kind)


def _worth_packing(asset: Asset) -> bool:
    return len(asset.body) > 600 and Path(asset.name).suffix in _TEXT
