"""How the simulator plays: delays, lags and limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Seconds, unless said otherwise. The defaults are Proxmox's own figures; tests shorten them."""

    auth_delay: float = 3.0  # every 401 is held back this long
    delay_scale: float = 1.0  # factor on all other waiting: 595 after 3 s, 30 s …
    speed: float = 1.0  # of tasks: 10 does in a second what takes ten
    latency: float = 0.0  # added to every answer
    lag: float = 10.0  # period of pvestatd: how late /cluster/resources may be; 0 = at once
    notice_after: float = 10.0  # until the cluster notices a dead node
    stale_after: float = 300.0  # until figures of a dead node expire
    idle_timeout: float = 5.0  # until an idle or half-sent connection is closed
    keep_alive_requests: int = 100  # answers per connection
    shuffle: bool = True  # random order of keys and rows in small answers, as Perl has it
    keep_requests: int = 20_000  # how many received requests are remembered
    keep_credentials: bool = False  # remember the credentials themselves, for man-in-the-middle tests

    @classmethod
    def quick(cls, **changes: float) -> Settings:
        """For tests: no waiting to speak of, changes visible at once, credentials remembered."""
        values: dict[str, object] = {
            "auth_delay": 0.02,
            "delay_scale": 0.01,
            "speed": 50.0,
            "lag": 0.0,
            "notice_after": 0.0,
            "keep_credentials": True,
        }
        return cls(**{**values, **changes})  # type: ignore[arg-type]
