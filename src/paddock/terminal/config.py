"""Where the command line finds Paddock: profiles in `cli.toml`, over which the environment wins."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paddock.terminal.failures import Exit, Failed, wrong_use

DEFAULT_PROFILE = "default"
_PROFILE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}\Z")
_HEAD = "# Written by `paddock login`. Keep this file to yourself: whoever has a token can act as you.\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A Paddock and how to talk to it. `url` is canonical, without a trailing slash."""

    url: str
    token: str = ""
    ca: str = ""
    """File with the CA (PEM) that signed Paddock's certificate; empty: the system's."""
    insecure: bool = False


def path(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path(base) / "paddock" / "cli.toml"


def read(file: Path) -> dict[str, Server]:
    """All profiles. Raises Failed for a file that is not ours to understand."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failed(
            f"{file} cannot be read: {error}",
            code="bad_configuration",
            hint=f"Correct it, or remove it and sign in again: rm {file}",
        ) from None
    profiles = document.get("profiles")
    if not isinstance(profiles, dict):
        return {}
    return {name: _server(table) for name, table in profiles.items() if isinstance(table, dict)}


def _server(table: Mapping[str, Any]) -> Server:
    return Server(
        url=str(table.get("url", "")),
        token=str(table.get("token", "")),
        ca=str(table.get("ca", "")),
        insecure=table.get("insecure") is True,
    )


def write(file: Path, profiles: Mapping[str, Server]) -> None:
    """Replaces the file in one step, readable by its owner only."""
    text = _HEAD + "".join(_table(name, server) for name, server in profiles.items())
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, fresh = tempfile.mkstemp(dir=file.parent, prefix=".cli.toml.")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(fresh).replace(file)
    except OSError as error:
        raise Failed(
            f"{file} cannot be written: {error.strerror}",
            code="bad_configuration",
            hint="Set XDG_CONFIG_HOME to a directory of yours, or use PADDOCK_URL and PADDOCK_TOKEN.",
        ) from None


def _table(name: str, server: Server) -> str:
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in asdict(server).items()
        if value not in ("", False)
    ]
    return "\n".join(["", f"[profiles.{name}]", *lines, ""])


def profile_name(wanted: str | None, environ: Mapping[str, str]) -> str:
    name = wanted or environ.get("PADDOCK_PROFILE") or DEFAULT_PROFILE
    if not _PROFILE.match(name):
        raise wrong_use(f"{name!r} is no name for a profile: use letters, digits, - and _.")
    return name


def find_server(
    profiles: Mapping[str, Server], environ: Mapping[str, str], wanted: str | None = None
) -> Server:
    """The Paddock to talk to. PADDOCK_URL and PADDOCK_TOKEN win over the profile.

    A stored token is only ever sent to the address that it was stored for. Raises Failed (not signed in).
    """
    name = profile_name(wanted, environ)
    stored = profiles.get(name)
    url = environ.get("PADDOCK_URL", "").strip()
    token = environ.get("PADDOCK_TOKEN", "").strip()
    if url:
        url = canonical_url(url)
        server = stored if stored and stored.url == url else Server(url)
    elif stored:
        server = replace(stored, url=canonical_url(stored.url))
    else:
        known = f" Profiles: {', '.join(sorted(profiles))}." if profiles else ""
        which = "" if name == DEFAULT_PROFILE else f" with the profile {name}"
        raise Failed(
            f"You are not signed in{which}.{known}",
            exit_code=Exit.DENIED,
            code="not_signed_in",
            hint="Sign in with: paddock login URL"
            + ("" if name == DEFAULT_PROFILE else f" --profile {name}")
            + " (or set PADDOCK_URL and PADDOCK_TOKEN)",
        )
    if token:
        server = replace(server, token=checked_token(token))
    return server


def checked_token(token: str) -> str:
    token = token.strip()
    if not _TOKEN.match(token):
        raise wrong_use(
            "This is no API token: it is one word and begins with pdk_.",
            hint="Make one in Paddock under Account, API tokens.",
        )
    return token


def canonical_url(text: str) -> str:
    """The address of Paddock as people type it, in one form. Raises Failed (wrong use).

    Without a scheme it is https, on the loopback http, as `paddock serve` does it.
    """
    given = text.strip()
    schemed = "://" in given
    try:
        parts = urlsplit(given if schemed else f"//{given}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or any(c.isspace() for c in given) or parts.query or parts.fragment:
        raise wrong_use(
            f"{given!r} is no address of Paddock.",
            hint="Give it as the browser shows it, for example https://paddock.example.com",
        )
    if parts.username is not None:
        raise wrong_use("Leave name and password out of the address: the command line uses an API token.")
    scheme = parts.scheme.lower() if schemed else ("http" if is_loopback(host) else "https")
    if scheme not in {"http", "https"}:
        raise wrong_use(f"{given!r}: Paddock is reached by http:// or https://, not {scheme}://.")
    folder = re.sub(r"/api(/v1)?\Z", "", parts.path.rstrip("/"))
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{f':{port}' if port is not None else ''}{folder}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
