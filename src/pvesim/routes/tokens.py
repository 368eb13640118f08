"""API tokens: /access/users/{userid}/token."""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.identity import Token
from pvesim.permissions import existing, writable
from pvesim.verify import Param

_TOKEN_PARAMS = ("comment", "expire", "privsep")
_REGENERATE = Param(type="boolean", optional=1, since="9.2")


def register(routes: Routes) -> None:
    tokens = "/access/users/{userid}/token"
    one = f"{tokens}/{{tokenid}}"
    routes.get(tokens)(_tokens)
    routes.get(one)(_token)
    routes.post(one)(_create_token)
    routes.put(one, more={"regenerate": _REGENERATE})(_change_token)
    routes.delete(one)(_delete_token)


def token_info(token: Token) -> dict[str, object]:
    """What is told of a token; never the secret."""
    info: dict[str, object] = {"privsep": int(token.privsep), "expire": token.expire}
    if token.comment:
        info["comment"] = token.comment
    return info


def _tokens(call: Call) -> object:
    return call.mixed([{"tokenid": t, **token_info(each)} for t, each in existing(call).tokens.items()])


def _known_token(call: Call) -> Token:
    userid, tokenid = call.params["userid"], call.params["tokenid"]
    token = existing(call).tokens.get(tokenid)
    if token is None:
        raise failed(f"no such token '{tokenid}' for user '{userid}'")
    return token


def _token(call: Call) -> object:
    return token_info(_known_token(call))


def _create_token(call: Call) -> object:
    writable(call, "generating token failed")
    given = call.params
    userid, tokenid = given["userid"], given["tokenid"]
    user = existing(call)
    if tokenid in user.tokens:
        raise invalid(tokenid="Token already exists.")
    secret = call.cluster.new_secret()
    user.tokens[tokenid] = Token(
        secret, given.get("privsep", "1") == "1", call.number("expire", 0), given.get("comment", "")
    )
    call.cluster.identity.changed()
    info: dict[str, object] = {key: given[key] for key in _TOKEN_PARAMS if key in given}
    info.setdefault("privsep", 1)  # Proxmox gives texts back as texts, but its own default as a number
    return {"full-tokenid": f"{userid}!{tokenid}", "value": secret, "info": info}


def _change_token(call: Call) -> object:
    writable(call, "updating token info failed")
    token = _known_token(call)
    given = call.params
    answer: dict[str, object] = token_info(token)
    if "comment" in given:
        token.comment = given["comment"]
        answer["comment"] = token.comment
    if "expire" in given:
        token.expire = int(given["expire"])
        answer["expire"] = given["expire"]
    if "privsep" in given:
        token.privsep = call.flag("privsep")
        answer["privsep"] = given["privsep"]
    for option in words(given.get("delete", "")):
        if option == "comment":
            token.comment = ""
        elif option == "expire":
            token.expire = 0
        answer.pop(option, None)
    if call.flag("regenerate"):
        token.secret = call.cluster.new_secret()
        answer |= {"value": token.secret, "full-tokenid": f"{given['userid']}!{given['tokenid']}"}
    call.cluster.identity.changed()
    return answer


def _delete_token(call: Call) -> object:
    writable(call, "deleting token failed")
    _known_token(call)
    userid, tokenid = call.params["userid"], call.params["tokenid"]
    identity = call.cluster.identity
    del identity.users[userid].tokens[tokenid]
    identity.forget("token", f"{userid}!{tokenid}")
    return None
