"""What is typed in the step Connect: the form made a wish, and the other way round without secrets."""

from __future__ import annotations

from paddock.base.errors import Invalid
from paddock.nodes.model import Tombstone
from paddock.proxmox.credentials import unpack_token
from paddock.proxmox.trust import TrustMode
from paddock.watch.wish import ImportWish, parsed
from paddock.web.forms import Form


def wish(form: Form) -> ImportWish:
    """Only the chosen way of signing in counts; what stands in the fields of the other is left alone."""
    by_token = form.raw("sign_in") == "token"
    token_id, token_secret = unpack_token(form.raw("token_id").strip(), form.raw("token_secret").strip())
    return ImportWish(
        site_id=form.value("site_id"),
        url=form.value("url"),
        username="" if by_token else form.value("username"),
        password="" if by_token else form.raw("password"),
        token_id=token_id if by_token else "",
        token_secret=token_secret if by_token else "",
        trust=form.value("trust", "cluster_ca"),
        ca_pem=form.value("ca_pem"),
        name=form.value("name").strip() if form.has("by_hand") else "",
        address=form.value("address").strip().strip("[]") if form.has("by_hand") else "",
    )


def faults(wish: ImportWish, *, by_hand: bool) -> dict[str, str]:
    """What is missing, by field, and then everything else that is wrong; empty where nothing is missing."""
    found = {}
    if not wish.site_id:
        found["site_id"] = "Choose the site that the nodes belong to."
    if by_hand and not wish.name:
        found["name"] = "Give the node's name, exactly as Proxmox shows it."
    if wish.trust not in set(TrustMode):
        found["trust"] = "Choose one of the four."
    elif found:
        try:
            parsed(wish)
        except Invalid as error:
            found |= {detail.field: detail.message for detail in error.details}
    return found


def form_of(wish: ImportWish, *, by_hand: bool = False) -> Form:
    """What was typed, without secrets. A wish with a name was made by hand."""
    return Form.of(
        site_id=wish.site_id,
        url=wish.url,
        sign_in="token" if wish.token_id else "password",
        username=wish.username or ("root@pam" if wish.token_id else ""),
        token_id=wish.token_id,
        trust=wish.trust,
        ca_pem=wish.ca_pem,
        by_hand="yes" if by_hand or wish.name else "",
        name=wish.name,
        address=wish.address,
    )


def form_of_gone(stone: Tombstone) -> Form:
    by_token = stone.credential_kind == "token"
    return Form.of(
        site_id=stone.site_id,
        url=stone.url,
        sign_in=stone.credential_kind,
        username="root@pam" if by_token else stone.credential_name,
        token_id=stone.credential_name if by_token else "",
        trust=stone.trust_mode,
    )
