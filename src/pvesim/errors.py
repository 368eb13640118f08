"""How a call ends when it does not succeed: Proxmox's status, reason and delays."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """A refusal with Proxmox's status and text; the reason phrase is the text's first line.

    Args:
        status: HTTP status, Proxmox's 595/596 included.
        text: the message without trailing newline.
        errors: parameter name → text, for 400.
        delay: seconds (unscaled) until the answer goes out.
        bare: no body at all, as 401 and 595/596 have none.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        errors: Mapping[str, str] | None = None,
        delay: float = 0.0,
        bare: bool = False,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.errors = errors
        self.delay = delay
        self.bare = bare


def failed(text: str, *, delay: float = 0.0) -> ApiError:
    """500: what Perl's `die` becomes; also "not found" and "already exists"."""
    return ApiError(500, text, delay=delay)


def invalid(**errors: str) -> ApiError:
    """400 with one text per parameter."""
    return ApiError(400, "Parameter verification failed.", errors=errors)


def forbidden(what: str = "") -> ApiError:
    """403, with the path and privilege that were missing."""
    return ApiError(403, f"Permission check failed ({what})" if what else "Permission check failed")


def unauthorized(text: str) -> ApiError:
    """401 from the proxy daemon: no body, no content type."""
    return ApiError(401, text, bare=True)


def not_implemented(method: str, path: str) -> ApiError:
    """501: unknown path or wrong verb."""
    return ApiError(501, f"Method '{method} {path}' not implemented")


def unreachable(status: int, text: str, delay: float) -> ApiError:
    """595/596: the asked node could not reach the other one."""
    return ApiError(status, text, delay=delay, bare=True)
