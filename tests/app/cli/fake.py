"""A Paddock that answers from a table: enough to try every command against real HTTP."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests import addresses

TOKEN = "pdk_" + "t" * 40


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def problem(status: int, code: str, detail: str, **rest: Any) -> Answer:
    body = {
        "type": f"/problems/{code}",
        "title": "No",
        "status": status,
        "code": code,
        "detail": detail,
        **rest,
    }
    return Answer(status, body, "application/problem+json")


Route = Answer | list[Answer] | Callable[[Seen], Answer]


class FakePaddock:
    """Routes are (method, path below /api/v1); a list is answered one by one, its last again and again."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}
        self.seen: list[Seen] = []
        self.everything: Answer | None = None
        """One answer to whatever is asked, as another product would give it."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(
                    self.command,
                    parts.path.removeprefix("/api/v1"),
                    dict(parse_qsl(parts.query)),
                    json.loads(raw) if raw else None,
                    headers,
                )
                fake.seen.append(seen)
                answer = fake.answer(seen)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(answer.raw)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.raw)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: Any) -> None:
                pass

        host = addresses.address()
        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, seen: Seen) -> Answer:
        if self.everything is not None:
            return self.everything
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(
                401, "not_signed_in", "The API token is not valid.", hint="Sign in with: paddock login URL"
            )
        route = self.routes.get((seen.method, seen.path))
        if route is None:
            return problem(404, "not_found", f"There is nothing at {seen.path}.")
        if callable(route):
            return route(seen)
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route

    def get(self, path: str, body: Any, **headers: str) -> None:
        self.routes["GET", path] = Answer(body=body, headers=headers)

    def lists(self, path: str, items: list[Any]) -> None:
        self.get(path, {"items": items, "total": len(items), "page": 1, "size": 2000, "next": None})

    def asked(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err)


Run = Callable[..., Done]

SITE = {
    "id": "s1",
    "name": "Vienna",
    "domain": "vienna.example.net",
    "subnet": "10.0.0.0/24",
    "range": "",
    "gateway": "10.0.0.1",
    "forwarders": ["9.9.9.9", "1.1.1.1"],
    "external_ip": "",
    "nodes": 2,
    "containers": 5,
    "version": 3,
    "updated_at": "2026-01-01T00:00:00Z",
}


def node(id: str, name: str, cluster: str = "production", **rest: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "cluster": cluster,
        "site": "Vienna",
        "status": "online",
        "address": "192.0.2.11",
        "cores": 16,
        "cpu_used": 3.21,
        "memory": 64 * 1024**3,
        "memory_used": int(12.34 * 1024**3),
        "storage_total": None,
        "storage_used": None,
        "containers_running": 4,
        "containers_total": 6,
        "vms_running": 0,
        "vms_total": 1,
        "pve_version": "9.2.1",
        "last_seen_at": None,
        **rest,
    }


NODES = [
    node("n1", "pve1"),
    node("n2", "pve2", status="unreachable"),
    node("n3", "pve1", cluster="lab", status="offline", cpu_used=None, memory_used=None),
]
