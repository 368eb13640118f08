"""Reviews that wait for a decision: in memory, for half an hour, each for the person who asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from paddock.base.clock import Clock
from paddock.base.errors import NotFound
from paddock.base.ids import new_id
from paddock.proxmox.address import Endpoint
from paddock.proxmox.credentials import Credential
from paddock.watch.review import Review

LIFE = timedelta(minutes=30)
MOST = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """A review, and what the import itself needs: the credential lives only here until the job is queued."""

    id: str
    owner: str
    expires_at: datetime
    review: Review
    endpoint: Endpoint
    credential: Credential
    ca_pem: str
    addresses: dict[str, str]
    fingerprints: dict[str, str]


class Previews:
    """All that wait in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, Preview] = {}

    def keep(
        self,
        owner: str,
        review: Review,
        endpoint: Endpoint,
        credential: Credential,
        *,
        ca_pem: str,
        addresses: dict[str, str],
        fingerprints: dict[str, str],
    ) -> Preview:
        self._sweep()
        preview = Preview(
            new_id(),
            owner,
            self._clock.now() + LIFE,
            review,
            endpoint,
            credential,
            ca_pem,
            addresses,
            fingerprints,
        )
        self._waiting[preview.id] = preview
        return preview

    def get(self, preview_id: str, owner: str) -> Preview:
        """Raises NotFound where it has expired, was another person's, or Paddock was restarted since."""
        self._sweep()
        preview = self._waiting.get(preview_id)
        if preview is None or preview.owner != owner:
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
        return preview

    def _sweep(self) -> None:
        now = self._clock.now()
        for id in [id for id, preview in self._waiting.items() if preview.expires_at <= now]:
            del self._waiting[id]
        while len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
