"""What to do about each cause: a sentence, and commands that work when pasted. Pure.

Commands name what is asked for, never a secret: where one is needed, the shell asks for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from paddock.clusters.diagnosis import Command, Step


@dataclass(frozen=True, slots=True)
class Values:
    """This node's values, for the commands. `host` without brackets."""

    host: str
    port: int = 8006
    node: str = ""
    user: str = ""
    """user@realm, also of a token."""
    token: str = ""
    """user@realm!name; empty with a password."""
    missing: tuple[tuple[str, str], ...] = ()
    """(privilege, path)."""
    names: tuple[str, ...] = ()
    """What the certificate is for."""

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base(self) -> str:
        return f"https://{self.authority}/api2/json"

    @property
    def login(self) -> str:
        """Where ssh goes."""
        return f"root@{self.host}"


def _on_node(values: Values, command: str, why: str = "") -> Command:
    return Command(
        f"ssh {values.login} {shlex.quote(command) if ' && ' in command or '|' in command else command}",
        "here",
        why,
    )


def ping(values: Values) -> Command:
    return Command(f"ping -c 3 {values.host}", "here", "whether the host answers at all")


def port(values: Values) -> Command:
    return Command(f"nc -vz -w 5 {values.host} {values.port}", "here", "whether the port is open from here")


def unverified(values: Values) -> Command:
    return Command(
        f"curl -sk -o /dev/null -w '%{{http_code}}\\n' {values.base}/version",
        "here",
        "401 proves that it is reached",
    )


def sign_in_test(values: Values) -> Command:
    """The same sign-in by hand. `curl -u` does not work with Proxmox VE: it knows no basic authentication."""
    if values.token:
        header = shlex.quote(f"Authorization: PVEAPIToken={values.token}=")
        return Command(
            f"read -rsp 'Secret: ' S && curl -sk -i -H {header}\"$S\" {values.base}/version",
            "here",
            "asks for the secret",
        )
    user = shlex.quote(f"username={values.user or 'root@pam'}")
    return Command(
        f"read -rsp 'Password: ' P && curl -sk -i -d {user} --data-urlencode \"password=$P\" {values.base}/access/ticket",
        "here",
        "asks for the password",
    )


def _services(values: Values) -> tuple[Command, ...]:
    return (
        _on_node(values, "systemctl status pveproxy pvedaemon"),
        _on_node(values, "journalctl -u pveproxy -u pvedaemon -n 50"),
    )


def _firewall(values: Values) -> tuple[Command, ...]:
    return (
        port(values),
        _on_node(values, f"ss -ltn sport = :{values.port}", "whether it listens"),
        Command(
            f"pvesh create /cluster/firewall/rules --type in --action ACCEPT --proto tcp --dport {values.port} --enable 1",
            "node",
            "lets the port through Proxmox's own firewall",
        ),
    )


def _rights(values: Values) -> tuple[Command, ...]:
    if not values.user:
        return ()
    privileges = sorted({privilege for privilege, _ in values.missing})
    who = f"--users {shlex.quote(values.user)}"
    if values.token:
        who += f" --tokens {shlex.quote(values.token)}"
    if set(privileges) <= _AUDITOR:
        return (
            Command(f"pveum acl modify / {who} --roles PVEAuditor", "node", "the right to see everything"),
        )
    role = "PaddockOperator"
    return (
        Command(f"pveum role add {role} --privs {shlex.quote(','.join(privileges))}", "node"),
        Command(f"pveum acl modify / {who} --roles {role}", "node"),
    )


_AUDITOR = frozenset({"Sys.Audit", "VM.Audit", "Datastore.Audit", "SDN.Audit", "Pool.Audit"})


def _tokens(values: Values) -> tuple[Command, ...]:
    user = values.user or "root@pam"
    return (
        sign_in_test(values),
        Command(
            f"pveum user token list {shlex.quote(user)}", "node", "whether the token is there, and until when"
        ),
        Command(
            f"pveum user list --full | grep -F {shlex.quote(user)}", "node", "whether the user is enabled"
        ),
    )


def _certificates(values: Values) -> tuple[Command, ...]:
    return (
        _on_node(values, "pvenode cert info", "what the node itself has"),
        Command(
            f"openssl s_client -connect {values.authority} -showcerts </dev/null 2>/dev/null | openssl x509 -noout"
            " -fingerprint -sha256 -subject -issuer -dates",
            "here",
            "what answers here",
        ),
    )


def _renew(values: Values) -> tuple[Command, ...]:
    return (
        _on_node(
            values,
            "pvecm updatecerts --force && systemctl restart pveproxy",
            "a new one, of the cluster's CA",
        ),
        *_certificates(values),
    )


def _clocks(values: Values) -> tuple[Command, ...]:
    return (
        _on_node(values, "timedatectl"),
        Command("timedatectl", "here"),
        _on_node(values, "chronyc tracking"),
    )


Known = tuple[str, Callable[[Values], tuple[Command, ...]]]

KNOWN: dict[str, Known] = {
    "name_not_found": (
        "Check the spelling, or give the node's IP address.",
        lambda v: (Command(f"getent hosts {v.host}", "here"),),
    ),
    "connect_timeout": (
        "The node may be off, its address wrong, or a firewall drops the packets.",
        lambda v: (ping(v), *_firewall(v)),
    ),
    "firewall": (
        "Open the port for Paddock, on the way or on the node.",
        lambda v: (ping(v), *_firewall(v)),
    ),
    "wrong_address": (
        "Give the address that the cluster reports, on the node's page under Settings.",
        lambda v: (ping(v),),
    ),
    "node_down": ("Bring the node up, or look at its console.", lambda v: (ping(v),)),
    "connection_refused": (
        "The host answers, but nothing listens on that port: the API service does not run, or it is another port.",
        lambda v: (
            _on_node(v, "systemctl status pveproxy"),
            _on_node(v, "systemctl restart pveproxy"),
            port(v),
        ),
    ),
    "no_route": (
        "The network between has no way there: look at routes, VPN and the node's address.",
        lambda v: (ping(v), Command(f"ip route get {v.host}", "here")),
    ),
    "unreachable": ("Look at the network between.", lambda v: (ping(v), port(v))),
    "connection_reset": ("It closes the connection: look at the API service.", _services),
    "tls_failed": ("Its certificate or TLS settings are broken.", _renew),
    "timed_out": ("It takes the request and does not answer: the API service hangs.", _services),
    "gateway_failed": ("Something in front of it answers, but not the API itself.", _services),
    "backend_down": (
        "The API's own daemon does not run; signing in needs it.",
        lambda v: (_on_node(v, "systemctl status pvedaemon"), _on_node(v, "systemctl restart pvedaemon")),
    ),
    "plain_http": (
        "Give the address of Proxmox VE's own API, normally port 8006.",
        lambda v: (unverified(v),),
    ),
    "not_proxmox": (
        "Give the address of a Proxmox VE node; its API listens on port 8006.",
        lambda v: (unverified(v),),
    ),
    "unreadable": (
        "A proxy in between may change the answers: give the node's own address, port 8006.",
        _services,
    ),
    "too_large": (
        "A proxy in between may change the answers: give the node's own address, port 8006.",
        _services,
    ),
    "fingerprint_changed": (
        "Compare with the node's console. Same as shown now: trust it. Different: another machine answers here.",
        _certificates,
    ),
    "foreign_certificate": (
        "Compare with the node's console: another machine, or a proxy, answers here.",
        _certificates,
    ),
    "unknown_authority": (
        "Install a certificate of a CA that is trusted, trust this cluster's CA instead, or, on an isolated network only, "
        "switch verification off.",
        _certificates,
    ),
    "self_signed": (
        "Install a valid certificate on the node, trust this cluster's CA instead, or, on an isolated network only, "
        "switch verification off (“Disable TLS Verification”).",
        _certificates,
    ),
    "unconfirmed": (
        "Compare the fingerprint with the node's console, then trust the cluster's CA.",
        _certificates,
    ),
    "host_mismatch": (
        "Give the URL with a name or address that the certificate is for, or make a certificate for this one.",
        lambda v: (*(Command(f"getent hosts {name}", "here") for name in v.names[:1]), *_renew(v)),
    ),
    "expired": ("Renew it on the node.", _renew),
    "not_yet_valid": ("The clocks of the node and of Paddock differ.", _clocks),
    "expires_soon": ("Renew it before that.", _renew),
    "password_refused": (
        "The password may have been changed, the user disabled, or the realm be another one (root@pam is not root@pve).",
        lambda v: (
            sign_in_test(v),
            Command(f"pveum user list --full | grep -F {shlex.quote(v.user or 'root@pam')}", "node"),
        ),
    ),
    "token_refused": (
        "Proxmox VE does not say which: the token is deleted, expired or its secret is another one, or its user is disabled.",
        _tokens,
    ),
    "token_unknown": ("The token was deleted: make a new one and give it to Paddock.", _tokens),
    "token_expired": ("The token has expired: extend it, or make a new one.", _tokens),
    "token_secret_wrong": (
        "The secret is another one: give Paddock the right one, or make a new token.",
        _tokens,
    ),
    "user_disabled": ("Enable the user, or use another one.", _tokens),
    "two_factor_required": (
        "Make an API token for the account and use that: a token needs no second factor.",
        _tokens,
    ),
    "ticket_refused": ("Compare the clocks of the nodes.", _clocks),
    "no_rights": (
        "It signs in and may see nothing: with privilege separation a token needs entries of its own, and so does its user.",
        _rights,
    ),
    "rights_missing": ("Give it the rights that are missing.", _rights),
    "forbidden": ("Give it the right that is missing.", _rights),
    "name_mismatch": (
        "Take the name that Proxmox VE uses; names are case-sensitive.",
        lambda v: (_on_node(v, "hostname"),),
    ),
    "other_cluster": (
        "Another cluster answers at this address than the one it was registered in.",
        lambda v: (_on_node(v, "pvecm status"),),
    ),
    "no_quorum": (
        "It can be read, but Proxmox VE refuses every change until enough members are back.",
        lambda v: (_on_node(v, "pvecm status"), _on_node(v, "systemctl status corosync")),
    ),
    "left_cluster": ("The cluster no longer lists it.", lambda v: (_on_node(v, "pvecm nodes"),)),
    "joined_cluster": (
        "It has become a member of a cluster: import that cluster.",
        lambda v: (_on_node(v, "pvecm status"),),
    ),
    "clock_skew": (
        "Let both follow a time server. Tickets are refused from five minutes of difference on.",
        _clocks,
    ),
    "storage_hangs": (
        "A storage does not answer, often an NFS server that is gone; pvestatd hangs with it.",
        lambda v: (_on_node(v, "pvesm status"), _on_node(v, "systemctl status pvestatd")),
    ),
    "storage_inactive": ("Look why it is not active.", lambda v: (_on_node(v, "pvesm status"),)),
    "no_storage": (
        "Let a storage take containers' disks (content rootdir).",
        lambda v: (_on_node(v, "pvesm status --content rootdir"),),
    ),
    "storage_full": (
        "Make room, or choose another storage.",
        lambda v: (_on_node(v, "pvesm status --content rootdir"),),
    ),
}


def with_remedy(step: Step, values: Values) -> Step:
    """The step with what to do about its code, unless it says so itself."""
    known = KNOWN.get(step.code)
    if known is None:
        return step
    sentence, commands = known
    return replace(step, next=step.next or sentence, commands=step.commands or tuple(commands(values)))
