"""What waits for a decision, in memory and each for the person who asked: reviews, and drafts before them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from paddock.base.clock import Clock
from paddock.base.errors import NotFound
from paddock.base.ids import new_id
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.credentials import Credential
from paddock.watch.review import Review
from paddock.watch.wish import ImportWish

LIFE = timedelta(minutes=30)
DRAFT_LIFE = timedelta(minutes=10)
MOST = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """A review, and what the import itself needs: the credential lives only here until the job is queued."""

    id: str
    owner: str
    expires_at: datetime
    review: Review
    endpoint: Endpoint
    credential: Credential = field(repr=False)
    ca_pem: str
    addresses: dict[str, str]
    fingerprints: dict[str, str]
    hosts: dict[str, str] = field(default_factory=dict)
    """Hosts of API URLs that were typed besides an address, by name."""
    server_names: dict[str, str] = field(default_factory=dict)
    trusted_pem: str = ""
    """The CAs that are believed: the cluster's own, or those given besides the system's."""


class Previews:
    """All that wait in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, Preview] = {}
        self._used: deque[str] = deque(maxlen=MOST)

    def keep(self, preview: Preview) -> Preview:
        self._waiting[preview.id] = preview
        self._sweep()
        return preview

    def find(self, preview_id: str, owner: str) -> Preview | None:
        """None where it has expired, was another person's, or Paddock was restarted since."""
        self._sweep()
        preview = self._waiting.get(preview_id)
        return preview if preview is not None and preview.owner == owner else None

    def get(self, preview_id: str, owner: str) -> Preview:
        """As `find`, but raises NotFound."""
        if (preview := self.find(preview_id, owner)) is None:
            if preview_id in self._used:
                raise NotFound(
                    "This review has been used: its import was started.",
                    code="review_used",
                    hint="Look under Jobs for what became of it. To import again, connect again.",
                )
            raise NotFound(
                "This review is no longer there: it is kept for 30 minutes, and not across a restart of Paddock.",
                code="review_expired",
                hint="Connect again; nothing has been written.",
            )
        return preview

    def take(self, preview_id: str, owner: str) -> Preview:
        """As `get`, and forgets it with its credential."""
        preview = self.get(preview_id, owner)
        del self._waiting[preview_id]
        self._used.append(preview_id)
        return preview

    def forget(self, preview_id: str) -> None:
        self._waiting.pop(preview_id, None)

    def _sweep(self) -> None:
        now = self._clock.now()
        for id in [id for id, preview in self._waiting.items() if preview.expires_at <= now]:
            del self._waiting[id]
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, until the person has compared the certificate that was shown instead of a review."""

    id: str
    owner: str
    expires_at: datetime
    wish: ImportWish
    certificate: Certificate | None = None
    """None where only the name was wrong, and `wish` has the right one."""
    believed: bool = False
    """Whether the person said that the certificate is the node's."""

    @property
    def confirmed(self) -> ImportWish:
        """The wish with this certificate as the one that the person believes."""
        if self.certificate is None:
            return self.wish
        return replace(self.wish, fingerprint=self.certificate.sha256)


class Drafts:
    """Keeps the typed secret on this side while a certificate is compared: it is never written into a page."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, Draft] = {}

    def keep(self, owner: str, wish: ImportWish, certificate: Certificate | None = None) -> Draft:
        draft = Draft(new_id(), owner, self._clock.now() + DRAFT_LIFE, wish, certificate)
        self._waiting[draft.id] = draft
        self._sweep()
        return draft

    def find(self, draft_id: str, owner: str) -> Draft | None:
        """None where it has expired, was another person's, or Paddock was restarted since."""
        self._sweep()
        draft = self._waiting.get(draft_id)
        return draft if draft is not None and draft.owner == owner else None

    def get(self, draft_id: str, owner: str) -> Draft:
        """As `find`, but raises NotFound."""
        if (draft := self.find(draft_id, owner)) is None:
            raise NotFound(
                "What you typed is kept for 10 minutes only, and not across a restart of Paddock.",
                code="draft_expired",
                hint="Connect again; nothing has been written.",
            )
        return draft

    def believe(self, draft: Draft) -> None:
        self._waiting[draft.id] = replace(draft, believed=True)

    def again(self, draft_id: str, owner: str, wish: ImportWish) -> tuple[ImportWish, str]:
        """The wish with the certificate that the person has believed for the same URL and trust, and the draft's id;
        so that whoever mistyped a password need not compare twice. Without one, the wish as it is."""
        draft = self.find(draft_id, owner)
        if (
            draft is None
            or not draft.believed
            or (draft.wish.url, draft.wish.trust) != (wish.url, wish.trust)
        ):
            return wish, ""
        return replace(wish, fingerprint=draft.confirmed.fingerprint), draft.id

    def forget(self, draft_id: str) -> None:
        self._waiting.pop(draft_id, None)

    def _sweep(self) -> None:
        now = self._clock.now()
        for id in [id for id, draft in self._waiting.items() if draft.expires_at <= now]:
            del self._waiting[id]
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
