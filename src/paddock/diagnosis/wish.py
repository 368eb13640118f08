"""A diagnosis before anything is registered, as it is asked for. Pure; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from paddock.base.errors import Invalid
from paddock.clusters.examination import Subject
from paddock.proxmox.address import parse_api_url
from paddock.proxmox.certificates import normal_fingerprint
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.trust import TlsPolicy, TrustMode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UrlWish:
    """`trust` is system, pinned (with `fingerprint`) or off; the credential may be left out."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token_id: str = ""
    token_secret: str = field(default="", repr=False)
    trust: str = "system"
    fingerprint: str = ""

    def subject(self) -> Subject:
        """Raises Invalid with all fields that are wrong."""
        wrong: list[Invalid] = []

        def attempt(make: Callable[[], T]) -> T | None:
            try:
                return make()
            except Invalid as error:
                wrong.append(error)
                return None

        endpoint = attempt(lambda: parse_api_url(self.url))
        credential = attempt(self._credential)
        policy = attempt(self._policy)
        if wrong or endpoint is None:
            raise (
                wrong[0]
                if len(wrong) == 1
                else Invalid(
                    "Please look at the marked fields.",
                    details=[detail for one in wrong for detail in one.details],
                )
            )
        return Subject(endpoint, policy, credential)

    def _credential(self) -> Credential | None:
        by_token = bool(self.token_id.strip() or self.token_secret.strip())
        if by_token and self.password:
            raise Invalid.field("token_id", "Give either username and password, or a token; not both.")
        if by_token:
            return TokenCredential.parse(self.token_id, self.token_secret)
        if self.password:
            return PasswordCredential.parse(self.username, self.password)
        return None

    def _policy(self) -> TlsPolicy | None:
        """None: the system's CAs decide, and what they do not know is described and gets no credential."""
        if self.fingerprint.strip():
            try:
                return TlsPolicy(TrustMode.PINNED, fingerprint=normal_fingerprint(self.fingerprint.strip()))
            except ValueError as error:
                raise Invalid.field("fingerprint", str(error)) from None
        if self.trust == "off":
            return TlsPolicy(TrustMode.OFF)
        return None
