"""Slows down guessing: each failed attempt makes the next wait longer. Pure; the caller hands in the time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address


def network_of(remote: str) -> str:
    """Whom to count attempts of an address against: of IPv6 the /64, since one host may use all of it."""
    try:
        address = ip_address(remote)
    except ValueError:
        return remote
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


@dataclass(slots=True)
class _Record:
    failures: int
    until: datetime
    last: datetime


class Throttle:
    """Counts attempts per key. The first `free` ones cost nothing, then the wait grows from 1 s up to `longest`.

    An attempt counts when it begins, so that many at once gain nothing; `succeeded` forgets them all,
    `take_back` only this one.
    """

    def __init__(
        self,
        *,
        free: int,
        growth: float = 2.0,
        longest: float = 900.0,
        forget: float = 3600.0,
        keys: int = 10_000,
    ) -> None:
        self._free = free
        self._growth = growth
        self._longest = longest
        self._forget = timedelta(seconds=forget)
        self._keys = keys
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, key: str, now: datetime) -> float:
        """Seconds until the next attempt is allowed; 0 where it is now."""
        record = self._records.get(key)
        return 0.0 if record is None else max(0.0, (record.until - now).total_seconds())

    def begin(self, key: str, now: datetime) -> None:
        """Counts an attempt as failed until it has succeeded."""
        record = self._records.get(key)
        if record is None or now - record.last > self._forget:
            record = self._records[key] = _Record(0, now, now)
        record.failures += 1
        record.last = now
        record.until = now + self._pause(record.failures)
        self._records.move_to_end(key)
        while len(self._records) > self._keys:
            self._records.popitem(last=False)

    def succeeded(self, key: str) -> None:
        self._records.pop(key, None)

    def take_back(self, key: str) -> None:
        """This attempt has succeeded; the failures of others stay."""
        record = self._records.get(key)
        if record is not None:
            record.failures -= 1
            record.until = record.last + self._pause(record.failures)

    def _pause(self, failures: int) -> timedelta:
        over = failures - self._free
        seconds = min(self._longest, self._growth ** min(over, 30)) if over >= 0 else 0.0
        return timedelta(seconds=seconds)


class SignInThrottle:
    """Who may try a password now. Three counters: of an account from one network, of a network, and of an account
    from everywhere, for those who have many networks.

    Whoever has signed in from a network lately is not slowed down there by the third one: strangers must not be
    able to lock out the owner of an account.
    """

    def __init__(self, *, remember: timedelta = timedelta(days=30), places: int = 10_000) -> None:
        self._by_place = Throttle(free=3)
        self._by_network = Throttle(free=20)
        self._by_account = Throttle(free=20, growth=1.3, longest=60.0)
        self._remember = remember
        self._most = places
        self._at_home: OrderedDict[str, datetime] = OrderedDict()

    def wait(self, account: str, remote: str, now: datetime) -> float:
        """Seconds until the next attempt is allowed; 0 where it is now."""
        network = network_of(remote)
        place = f"{account}|{network}"
        everywhere = 0.0 if self._is_home(place, now) else self._by_account.wait(account, now)
        return max(self._by_place.wait(place, now), self._by_network.wait(network, now), everywhere)

    def begin(self, account: str, remote: str, now: datetime) -> None:
        """Counts an attempt as failed until it has succeeded."""
        network = network_of(remote)
        place = f"{account}|{network}"
        self._by_place.begin(place, now)
        self._by_network.begin(network, now)
        if not self._is_home(place, now):
            self._by_account.begin(account, now)

    def succeeded(self, account: str, remote: str, now: datetime) -> None:
        network = network_of(remote)
        place = f"{account}|{network}"
        self._by_place.succeeded(place)
        self._by_network.succeeded(network)
        if not self._is_home(place, now):
            self._by_account.take_back(account)
        self._at_home[place] = now
        self._at_home.move_to_end(place)
        while len(self._at_home) > self._most:
            self._at_home.popitem(last=False)

    def _is_home(self, place: str, now: datetime) -> bool:
        since = self._at_home.get(place)
        return since is not None and now - since < self._remember
