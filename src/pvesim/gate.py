"""The door of every node: authentication, and answers to whole requests.

As in pve-manager's `HTTPServer.pm` (`auth_handler`) and pve-http-server's `AnyEvent.pm`.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote

from pvesim.api import Call, Routes, run
from pvesim.errors import ApiError, forbidden, unauthorized
from pvesim.identity import ROOT, split_token
from pvesim.model import Node
from pvesim.sampling import observe
from pvesim.uploads import Upload
from pvesim.wire import (
    HTML,
    JSON,
    MAX_BODY,
    Answer,
    MalformedBody,
    Reply,
    Request,
    form_value,
    parameters,
    plain,
    refusal,
    success,
)

log = logging.getLogger(__name__)

_KNOWN_METHODS = frozenset(("GET", "POST", "PUT", "DELETE"))
_FORMATS = frozenset(("json", "extjs"))
_API = re.compile(r"/api2/+([a-z][a-z0-9]+)(/.*)?", re.DOTALL)
_COOKIE = re.compile(r"(?:^|\s)PVEAuthCookie(?:=| )([^;]*)")
_TOKEN = re.compile(r"(?:^|\s)PVEAPIToken(?:=| )([^;]*)")
_TOKEN_VALUE = re.compile(r"([^\s:/!]+@[A-Za-z][\w.-]*![A-Za-z][\w.-]+)=(.+)", re.DOTALL)
_UPLOAD = re.compile(r"/nodes/[^/]+/storage/([^/]+)/upload")
_BOUNDARY = re.compile(r"(?:^|[;,\s])boundary\s*=\s*(\S+?)\s*(?:[;,]|$)")
_WORLD = frozenset(
    (
        ("GET", "/access/domains"),
        ("GET", "/access/ticket"),
        ("POST", "/access/ticket"),
        ("POST", "/access/vncticket"),
        ("GET", "/access/openid"),
        ("POST", "/access/openid/login"),
        ("POST", "/access/openid/auth-url"),
    )
)
_PAGE = b"<!DOCTYPE html>\n<html>\n  <head>\n    <title>%s - Proxmox Virtual Environment</title>\n  </head>\n  <body></body>\n</html>\n"


@dataclass(frozen=True, slots=True)
class Received:
    """A request that a node has received from outside."""

    at: float
    cluster: str
    node: str
    method: str
    path: str
    auth: str  # none, ticket, token, password
    status: int  # 0 while nothing has been answered
    headers: frozenset[str] = frozenset()
    credential: str = field(default="", repr=False)


class Gate:
    """Answers the requests of one node. Pure bookkeeping: no sockets here."""

    __slots__ = ("_log", "_node", "_routes")

    def __init__(self, node: Node, routes: Routes, log: deque[Received]) -> None:
        self._node = node
        self._routes = routes
        self._log = log
        node.cluster.agenda.before = partial(observe, node.cluster)

    def early(self, request: Request) -> Answer | None:
        """What is answered on the head alone, before any body is read; None to go on."""
        if self._node.trouble.meddlers:
            path = _API.sub(_inner, request.path)
            request.meddlers = [
                each for each in self._node.trouble.meddlers if each.takes(request.method, path)
            ]
            for each in request.meddlers:
                answer = each.instead(self._node, request)
                if answer is not None:
                    return self._noted(request, answer)
        return self._early(request)

    def _early(self, request: Request) -> Answer | None:
        if request.method not in _KNOWN_METHODS:
            return self._noted(request, Answer(501, f"method '{request.method}' not available", None, None))
        coding = request.headers.get("transfer-encoding")
        if coding is not None:
            wrong = (
                "chunked transfer encoding not supported"
                if coding.lower() == "chunked"
                else f"Unknown transfer encoding '{coding}'"
            )
            return self._noted(request, plain(501, wrong))
        if request.path.startswith("/api2"):
            try:
                request.signed = self._authenticate(request)
            except ApiError as error:
                return self._noted(request, self._slowed(refusal(error)))
        if request.length:
            if request.method not in ("POST", "PUT"):
                return self._noted(request, plain(501, f"Unexpected content for method '{request.method}'"))
            kind, _, more = request.headers.get("content-type", "").partition(";")
            kind = kind.strip()
            if _is_upload(request):
                return self._expect(request, kind, more)
            if request.length > MAX_BODY:
                return self._noted(request, plain(501, "for data too large"))
            if kind not in ("", "application/x-www-form-urlencoded", "application/json"):
                text = f"upload 'Content-Type '{request.headers['content-type']}' not implemented"
                return self._noted(request, plain(506, text))
        return None

    def _expect(self, request: Request, kind: str, parameters: str) -> Answer | None:
        """Get ready for a file. pveproxy dies of any other body, and leaves the connection to time out."""
        boundary = _BOUNDARY.search(parameters)
        if kind != "multipart/form-data" or boundary is None:
            return self._noted(request, Answer(501, "", None, None, stuck=True))
        number = f"{self._node.cluster.chance.getrandbits(128):032x}"
        request.upload = Upload(boundary[1].strip('"'), request.length, number)
        return None

    def answer(self, request: Request) -> Answer:
        """The answer to a complete request."""
        for each in request.meddlers:
            each.before(self._node, request)
        return self._noted(request, self._slowed(self._answer(request)))

    def _answer(self, request: Request) -> Answer:
        path = request.path
        if not path.startswith("/api2"):
            return self._file(path)
        match = _API.fullmatch(path)
        style, inner = (match[1], match[2] or "/") if match else ("", "/")
        if style not in _FORMATS:
            return plain(501, f"no formatter for uri {inner}, {style}")
        node = self._node
        node.cluster.live()
        if not node.listening:  # it has died of what was due
            return Answer(hang=True)
        if request.method != "GET":
            observe(node.cluster, node.cluster.clock.now())
        try:
            call = Call(node, request.method, inner, *request.signed)
            call.received = request.upload
            data = run(self._routes, call, parameters(request))
        except ApiError as error:
            if error.status == 401:  # a failed sign-in; 3 s less what it took
                error.delay = node.cluster.settings.auth_delay
            answer = refusal(error, with_message=node.version.message_in_body)
            if style == "extjs" and error.status not in (401, 595, 596):
                answer = _as_extjs(answer)
            return _passed_on(call, answer)
        except MalformedBody as error:
            return plain(500, str(error))
        except Exception:
            log.exception("%s %s", request.method, inner)
            return plain(500, "a fault of the simulator itself; see its log")
        if isinstance(data, Reply) and data.text is not None:
            return Answer(body=data.text.encode(), type="text/plain", delay=call.delay)
        body = success(data, call.chance)
        if style == "extjs":
            body = body[:-1] + b',"success":1}'
        return _passed_on(call, Answer(body=body, delay=call.delay))

    def _file(self, path: str) -> Answer:
        if path in ("/", "/index.html"):
            return Answer(body=_PAGE % self._node.name.encode(), type=HTML)
        return plain(500, f"no such file '{path}'\n")

    def _slowed(self, answer: Answer) -> Answer:
        node = self._node
        if node.hung:
            answer.hang = True
        answer.delay += node.slowness + node.cluster.settings.latency
        return answer

    # -- who asks -------------------------------------------------------------------------------------

    def _authenticate(self, request: Request) -> tuple[str, str]:
        """(user or token, ticket). Raises ApiError 401 (always delayed), or 403 for an upload without rights."""
        match = _API.fullmatch(request.path)
        path = (match[2] or "/") if match else "/"
        if (request.method, path) in _WORLD:
            return "", _cookie(request)
        try:
            return self._signed_in(request, path)
        except ApiError as error:
            error.delay = self._node.cluster.settings.auth_delay
            raise

    def _signed_in(self, request: Request, path: str) -> tuple[str, str]:
        cluster = self._node.cluster
        ticket = _cookie(request)
        if not ticket:
            token = _found(_TOKEN, request.headers.get("authorization"))
            if token:
                owner = self._token_owner(token)
                self._may_upload(owner, request, path)
                return owner, ""
            raise unauthorized("No ticket")
        now = self._node.now()
        user = cluster.tickets.owner(ticket, now)
        if user is not None and user.startswith("!tfa!"):
            raise unauthorized("No ticket")
        if user is None:
            raise self._refused("permission denied - invalid PVE ticket")
        self._enabled(user)
        if self._may_upload(user, request, path):
            return user, ticket  # without looking at the CSRF token
        if request.method != "GET":
            csrf = request.headers.get("csrfpreventiontoken", "")
            if not cluster.tickets.csrf_valid(csrf, user, now):
                raise unauthorized("Permission denied - invalid csrf token")
        return user, ticket

    def _may_upload(self, authid: str, request: Request, path: str) -> bool:
        """Whether it is an upload; raises 403 for one without the right to it, before anything else."""
        upload = _UPLOAD.fullmatch(path) if request.method == "POST" else None
        if upload is None:
            return False
        where = f"/storage/{upload[1]}"
        if not self._node.cluster.identity.allowed(authid, where, ["Datastore.AllocateTemplate"]):
            error = forbidden(f"{where}, Datastore.AllocateTemplate")
            error.bare = True
            raise error
        return True

    def _token_owner(self, value: str) -> str:
        match = _TOKEN_VALUE.fullmatch(value)
        if match is None:
            raise self._refused("no tokenid specified")
        authid, secret = match[1], match[2]
        user, tokenid = split_token(authid)
        self._enabled(user)
        token = self._node.cluster.identity.token(authid)
        if token is None:
            raise self._refused(f"no such token '{tokenid}' for user '{user}'")
        if token.expire and token.expire < int(self._node.now()):
            raise self._refused(f"token '{authid}' access expired")
        if token.secret != secret:
            raise self._refused("invalid token value!")
        return authid

    def _enabled(self, userid: str) -> None:
        cluster = self._node.cluster
        user = cluster.identity.users.get(userid)
        if user is None:
            raise self._refused(f"no such user ('{userid}')")
        if userid == ROOT:
            return
        if not user.enable:
            raise self._refused(f"user '{userid}' is disabled")
        if user.expire and user.expire < int(self._node.now()):
            raise self._refused(f"user '{userid}' access expired")

    def _refused(self, why: str) -> ApiError:
        """Older versions say why; newer ones keep it to themselves."""
        return unauthorized("Authentication failed!" if self._node.version.terse_refusals else why)

    def _noted(self, request: Request, answer: Answer) -> Answer:
        node = self._node
        answer.skew = node.trouble.skew
        for each in request.meddlers:
            answer = each.after(node, answer)
        auth, credential = "none", ""
        if cookie := _cookie(request):
            auth, credential = "ticket", cookie
        elif token := _found(_TOKEN, request.headers.get("authorization")):
            auth, credential = "token", token
        elif request.body and request.path.endswith("/access/ticket"):
            auth, credential = "password", form_value(request.body, "password") or "in a JSON body"
        self._log.append(
            Received(
                node.cluster.clock.now(),
                node.cluster.name,
                node.name,
                request.method,
                request.path,
                auth,
                0 if answer.hang else answer.status,
                frozenset(request.headers),
                credential if node.cluster.settings.keep_credentials else "",
            )
        )
        return answer


def _passed_on(call: Call, answer: Answer) -> Answer:
    """The answer of another node, by way of those who meddle with it."""
    for each in call.meddlers:
        answer = each.on_the_way_back(answer)
    return answer


def _inner(match: re.Match[str]) -> str:
    return match[2] or "/"


def _is_upload(request: Request) -> bool:
    match = _API.fullmatch(request.path)
    return match is not None and request.method == "POST" and bool(_UPLOAD.fullmatch(_inner(match)))


def _found(pattern: re.Pattern[str], header: str | None) -> str:
    match = pattern.search(header) if header else None
    return unquote(match[1]) if match else ""


def _cookie(request: Request) -> str:
    """The ticket: a cookie wins over the Authorization header."""
    return _found(_COOKIE, request.headers.get("cookie")) or _found(
        _COOKIE, request.headers.get("authorization")
    )


def _as_extjs(answer: Answer) -> Answer:
    status = b'"400"' if answer.status == 400 else b"%d" % answer.status
    body = (answer.body or b"{}")[:-1] + b',"success":0,"status":%s}' % status
    return Answer(body=body, type=JSON, delay=answer.delay)
