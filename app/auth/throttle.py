"""How often somebody may guess a password.

Counted in memory: one process serves the app, and a restart that forgets five minutes of failures gives an
attacker nothing worth having. Each try is counted before the password is checked and taken back when it was
right, so that a hundred parallel guesses are a hundred tries.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

from app.errors import TooMany

WINDOW_SECONDS = 300.0
PER_ACCOUNT = 5
PER_ADDRESS = 50
MAX_KEYS = 20_000


@dataclass
class Throttle:
    """Failures of the last five minutes, per account and address and per address.

    Attributes:
        clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _tries: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, account: str, address: str) -> None:
        """Count a try.

        Raises:
            TooMany: 429 with Retry-After; the try was not made.
        """
        now = self.clock()
        account_key, address_key = (account.casefold()[:200], address), ("", address)
        with self._lock:
            waits = [
                self._wait(account_key, PER_ACCOUNT, now),
                self._wait(address_key, PER_ADDRESS, now),
            ]
            if any(waits):
                seconds = math.ceil(max(waits))
                raise TooMany(f"Too many failed logins. Try again in {seconds} s.", retry_after=seconds)
            if len(self._tries) > MAX_KEYS:
                self._forget_old(now)
            for key in (account_key, address_key):
                self._tries.setdefault(key, deque()).append(now)

    def succeeded(self, account: str, address: str) -> None:
        """Take back the try: it was the right password, and the account's failures are forgiven."""
        with self._lock:
            self._tries.pop((account.casefold()[:200], address), None)
            mine = self._tries.get(("", address))
            if mine:
                mine.pop()

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float:
        tries = self._tries.get(key)
        if tries is None:
            return 0.0
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        return tries[0] + WINDOW_SECONDS - now if len(tries) >= limit else 0.0

    def _forget_old(self, now: float) -> None:
        gone = [key for key, tries in self._tries.items() if not tries or tries[-1] <= now - WINDOW_SECONDS]
        for key in gone:
            del self._tries[key]
        # Still full: an attacker with a great many names. The oldest go; the per-address limits hold on.
        for key in list(self._tries)[: max(0, len(self._tries) - MAX_KEYS)]:
            if key[0]:
                del self._tries[key]


def client_address(connection: HTTPConnection, trusted_proxies: list[str]) -> str:
    """Who really asks. `X-Forwarded-For` counts only when the peer is a proxy that the settings name.

    The right-most address that is not itself a trusted proxy is taken: what stands left of it was written
    by the client. IPv6 is cut to its /64, which one subscriber owns whole.
    """
    address = connection.client.host if connection.client else "local"
    if trusted_proxies and is_trusted(address, trusted_proxies):
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            address = hop
            if not is_trusted(hop, trusted_proxies):
                break
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, 64), strict=False).network_address) + "/64"
    return str(parsed)


def is_trusted(address: str, proxies: list[str]) -> bool:
    """Whether `address` is one of the settings' proxies (addresses or networks like 10.0.0.0/8)."""
    try:
        parsed = ip_address(address)
        return any(parsed in ip_network(proxy, strict=False) for proxy in proxies)
    except ValueError:
        return False
