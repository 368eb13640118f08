"""The API's machinery: which handler answers a path, and the order of checks around it.

As in pve-manager's `HTTPServer.pm` (`rest_handler`): find the method (501), refuse tokens where a ticket
is needed (403), check permissions (403), hand over to the named node (595/596), to the privileged
daemon (595), and only then verify parameters (400) and run the method.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvesim import schema
from pvesim.errors import failed, forbidden, invalid, not_implemented, unreachable
from pvesim.guest import Guest
from pvesim.model import Cluster, Node
from pvesim.permissions import filled, permitted
from pvesim.tasks import Task, Work
from pvesim.trouble import Meddler
from pvesim.uploads import Upload
from pvesim.verify import IN_PATH, TEXT, Param, verify
from pvesim.versions import Version

NO_ROUTE_AFTER = 3.0
PROXY_TIMEOUT = 30.0
LOOKUP_TIMEOUT = 5.0
_UNVERIFIED = "error:0A000086:SSL routines::certificate verify failed"

Handler = Callable[["Call"], object]
Check = Callable[["Call"], None]


class Call:
    """One call on its way: who asks whom for what."""

    __slots__ = (
        "asked", "authid", "delay", "meddlers", "method", "node", "now", "params", "path", "received", "ticket",
    )  # fmt: skip

    def __init__(self, asked: Node, method: str, path: str, authid: str, ticket: str = "") -> None:
        self.asked = asked  # the node that the client is connected to
        self.node = asked  # the node that answers
        self.method = method
        self.path = path
        self.authid = authid  # user or token; empty where nobody needs to sign in
        self.ticket = ticket
        self.params: dict[str, str] = {}
        self.now = asked.cluster.clock.now()
        self.delay = 0.0
        self.meddlers: list[Meddler] = []  # of the node that answers in place of the asked one
        self.received: Upload | None = None  # the file that came with the call

    @property
    def cluster(self) -> Cluster:
        return self.asked.cluster

    @property
    def is_token(self) -> bool:
        return "!" in self.authid

    @property
    def is_root(self) -> bool:
        """root@pam by ticket; a token of root@pam is not root."""
        return self.authid == "root@pam"

    def can(self, path: str, *privileges: str, any_of: bool = False) -> bool:
        return self.cluster.identity.allowed(self.authid, path, privileges, any_of=any_of)

    def need(self, path: str, *privileges: str, any_of: bool = False) -> None:
        """Raises 403 naming the path and what is missing."""
        if not self.can(path, *privileges, any_of=any_of):
            if any_of:
                raise forbidden(f"{path}, {'|'.join(privileges)}")
            held = self.cluster.identity.privileges(self.authid, path)
            missing = next(p for p in privileges if p not in held)
            raise forbidden(f"{path}, {missing}")

    def flag(self, name: str) -> bool:
        return self.params.get(name) == "1"

    def number(self, name: str, default: int) -> int:
        return int(self.params.get(name) or default)

    def guest(self, kind: str) -> Guest:
        """The guest of the path on the answering node. Raises 500 as Proxmox does."""
        vmid = int(self.params["vmid"])
        guest = self.node.guests.get(vmid)
        if guest is None or guest.kind != kind:
            folder = "lxc" if kind == "lxc" else "qemu-server"
            name = self.params["node"] if self.params["node"] != "localhost" else self.node.name
            raise failed(f"Configuration file 'nodes/{name}/{folder}/{vmid}.conf' does not exist")
        return guest

    def start(self, kind: str, subject: object, work: Callable[[Task], Work]) -> str:
        """Start a task on the answering node; returns its UPID."""
        return self.node.tasks.start(kind, str(subject), self.authid, work).upid

    def quorum(self) -> None:
        """Raises 500 where the cluster cannot write."""
        if not self.cluster.quorate:
            raise failed("cluster not ready - no quorum?")

    def mixed(self, rows: list[dict[str, object]]) -> list[dict[str, object]]:
        """Rows in random order, where Proxmox has no order."""
        if self.chance is not None:
            self.chance.shuffle(rows)
        return rows

    def list_text(self, items: list[str]) -> str:
        """A comma list in random order."""
        items = list(items)
        if self.chance is not None:
            self.chance.shuffle(items)
        return ",".join(items)

    @property
    def chance(self) -> random.Random | None:
        return self.cluster.chance if self.cluster.settings.shuffle else None


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API."""

    handler: Handler
    check: Check
    params: Mapping[str, Param]
    proxied: bool  # answered by the node in the path
    protected: bool  # done by pvedaemon, as root
    tokens: bool  # may be called with an API token
    since: tuple[int, int]  # version


@dataclass(slots=True)
class _Branch:
    methods: dict[str, Method] = field(default_factory=dict)
    fixed: dict[str, _Branch] = field(default_factory=dict)
    name: str = ""  # of the variable part below
    any: _Branch | None = None
    rest: bool = False  # the variable part takes the rest of the path


class Routes:
    """All methods by path.

    What a method takes and asks for comes from the official schema. A method that the schema file lacks
    declares it itself; `more` adds parameters of later versions to the schema's.
    """

    def __init__(self) -> None:
        self._root = _Branch()
        self._declared: dict[tuple[str, str], Method] = {}

    def add(
        self,
        verb: str,
        path: str,
        handler: Handler,
        *,
        check: Check | None = None,
        params: Mapping[str, Param] | None = None,
        more: Mapping[str, Param] | None = None,
        protected: bool | None = None,
        tokens: bool | None = None,
        since: str | None = None,
        rest: bool = False,
    ) -> None:
        known = schema.find(verb, path)
        names = re.findall(r"{(\w+)}", path)
        if known is not None:
            permissions = known.permissions
            method = Method(
                handler,
                check or (lambda call: permitted(call, permissions)),
                {**(params or {}), **known.parameters, **(more or {})},  # the schema's word counts
                known.proxyto == "node",
                known.protected if protected is None else protected,
                known.allowtoken if tokens is None else tokens,
                _release(since or known.since),
            )
        else:
            method = Method(
                handler,
                check or (lambda call: None),
                {**{name: IN_PATH.get(name, TEXT) for name in names}, **(params or {})},
                "node" in names,
                bool(protected),
                tokens is not False,
                _release(since or "8.0"),
            )
        branch = self._root
        for part in path.split("/"):
            if not part:
                continue
            if part[0] == "{":
                if branch.any is None:
                    branch.name, branch.any = part.strip("{}"), _Branch()
                branch.rest = rest and path.endswith(part)
                branch = branch.any
            else:
                branch = branch.fixed.setdefault(part, _Branch())
        branch.methods[verb] = method
        self._declared[verb, path] = method

    def find(self, verb: str, path: str, version: Version) -> tuple[Method, dict[str, str]]:
        """The method and the path's variables. Raises 501."""
        branch = self._root
        found: dict[str, str] = {}
        parts = [part for part in path.split("/") if part]
        for n, part in enumerate(parts):
            below = branch.fixed.get(part)
            if below is None:
                below = branch.any
                if below is None or any(letter.isspace() for letter in part):
                    raise not_implemented(verb, path)
                found[branch.name] = "/".join(parts[n:]) if branch.rest else part
                if branch.rest:
                    branch = below
                    break
            branch = below
        method = branch.methods.get(verb)
        if method is None or method.since > (version.major, version.minor):
            raise not_implemented(verb, path)
        return method, found

    def declared(self) -> Mapping[tuple[str, str], Method]:
        """(verb, path) → method, for all there are."""
        return self._declared

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self._decorator("GET", path, options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self._decorator("POST", path, options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self._decorator("PUT", path, options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self._decorator("DELETE", path, options)

    def _decorator(self, verb: str, path: str, options: dict[str, Any]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.add(verb, path, handler, **options)
            return handler

        return register


def _release(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def perm(path: str, *privileges: str, any_of: bool = False) -> Check:
    """Privileges on a path that may name parameters, as /vms/{vmid}; for methods beyond the schema."""

    def check(call: Call) -> None:
        call.need(filled(path, call.params), *privileges, any_of=any_of)

    return check


def run(routes: Routes, call: Call, given: dict[str, object]) -> object:
    """Everything between authentication and the answer. Raises ApiError."""
    method, in_path = routes.find(call.method, call.path, call.cluster.version)
    for part in in_path:
        if part in given:
            raise invalid(**{part: "duplicate parameter (already defined in URI)"})
    if call.is_token and not method.tokens:
        raise forbidden(f"URI '{call.path}' not available with API token, need proper ticket.\n")
    call.params = {**{name: str(value) for name, value in given.items() if value is not None}, **in_path}
    method.check(call)
    name = in_path.get("node")
    if name is not None and method.proxied and name != "localhost" and name != call.asked.name:
        _hand_over(call, name)
    if method.protected and call.node.backend_down:
        raise unreachable(595, "Connection refused", 0.0)
    call.params = verify({**given, **in_path}, method.params, call.node.version.text)
    if call.node.trouble.storage_hangs(call.path, call.params.get("storage")):
        raise unreachable(596, "Connection timed out", PROXY_TIMEOUT * call.cluster.settings.delay_scale)
    return method.handler(call)


def _hand_over(call: Call, name: str) -> None:
    """Let another node answer; raises what the asked node says when it cannot reach that one."""
    target = call.cluster.nodes.get(name)
    scale = call.cluster.settings.delay_scale
    if target is None:
        if name.lower() in (known.lower() for known in call.cluster.nodes):  # the resolver does not mind case
            raise unreachable(596, _UNVERIFIED, 0.0)
        why = (
            "Name or service not known" if call.cluster.scene.dns else "Temporary failure in name resolution"
        )
        raise failed(
            f"hostname lookup '{name}' failed - failed to get address info for: {name}: {why}",
            delay=LOOKUP_TIMEOUT * scale,
        )
    if target.down:
        if target.online(call.now):  # nobody has noticed yet; packets just vanish
            raise unreachable(595, "Connection timed out", PROXY_TIMEOUT * scale)
        raise unreachable(595, "No route to host", NO_ROUTE_AFTER * scale)
    if target.proxy_down:
        raise unreachable(595, "Connection refused", 0.0)
    if target.trouble.full_backlog:
        raise unreachable(595, "Connection timed out", PROXY_TIMEOUT * scale)
    if target.hung or target.slowness >= PROXY_TIMEOUT:
        raise unreachable(596, "Connection timed out", PROXY_TIMEOUT * scale)
    if target.presented is not None:
        raise unreachable(596, _UNVERIFIED, 0.0)
    call.meddlers = [each for each in target.trouble.meddlers if each.takes(call.method, call.path)]
    for each in call.meddlers:
        each.on_the_way(call)
    call.node = target
    call.delay += target.slowness
