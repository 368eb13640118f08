"""The commands that a diagnosis proposes, filled in with a node's values, so that they work when pasted. Pure.

They name what is asked for, never a secret: where one is needed, the shell asks for it. Whatever comes from
outside is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from paddock.clusters.examination.steps import Command
from paddock.proxmox.renewal import OWN, renewals

HERE, SSH, NODE = "here", "ssh", "node"


@dataclass(frozen=True, slots=True)
class Values:
    """This node's values. `host` without brackets."""

    host: str
    port: int = 8006
    node: str = ""
    user: str = ""
    """user@realm, also of a token."""
    token: str = ""
    """user@realm!name; empty with a password."""
    grant_on: tuple[str, ...] = ("/",)
    """Paths on which an entry gives the privileges that are missing."""
    storage: tuple[str, str] = ("", "")
    """One that could take containers' disks, and the content types that it would have then; or empty texts."""
    names: tuple[str, ...] = ()
    """What the certificate is for."""
    source: str = ""
    """Paddock's own address on the way there."""
    fingerprint: str = ""
    """SHA-256 of the certificate that is shown."""
    by_cluster: bool | None = None
    """Whether a cluster's CA signed that certificate; None where none was read."""
    verified: bool = False
    """Whether the system's CAs know the certificate, so that curl need not be told to look away."""

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base(self) -> str:
        return f"https://{self.authority}/api2/json"

    @property
    def curl(self) -> str:
        return "curl -sS -m 10" if self.verified else "curl -sSk -m 10"

    @property
    def who(self) -> str:
        return self.user or "root@pam"


def on_node(values: Values, command: str, why: str = "") -> Command:
    """Over ssh; what the shell here would take for itself is quoted."""
    plain = all(sign.isalnum() or sign in " -_./:=@," for sign in command)
    return Command(f"ssh root@{values.host} {command if plain else quote(command)}", SSH, why)


def at_console(command: str, why: str = "") -> Command:
    return Command(command, NODE, why)


def resolve(values: Values) -> Command:
    return Command(f"getent hosts {quote(values.host)}", HERE, "what the name leads to")


def resolve_names(values: Values) -> tuple[Command, ...]:
    """Those of the certificate that are names, not addresses."""
    names = [name for name in values.names if any(sign.isalpha() for sign in name) and ":" not in name]
    useful = [name for name in names if name != "localhost"][:2]
    return tuple(
        Command(f"getent hosts {quote(name)}", HERE, "a name that it is valid for") for name in useful
    )


def ping(values: Values) -> Command:
    return Command(f"ping -c 3 {values.host}", HERE, "whether the host answers at all")


def port(values: Values) -> Command:
    return Command(f"nc -vz -w 5 {values.host} {values.port}", HERE, "whether the port is open from here")


def route(values: Values) -> Command:
    return Command(f"ip route get {values.host}", HERE, "which way packets take")


def unverified(values: Values) -> Command:
    """The address's first test by hand: any answer of Proxmox VE to nobody is a 401."""
    text = f"{values.curl} -o /dev/null -w '%{{http_code}}\\n' {values.base}/version"
    return Command(text, HERE, "401 proves that Proxmox VE is reached")


def realms(values: Values) -> Command:
    return Command(f"{values.curl} {values.base}/access/domains", HERE, "Proxmox VE lists its realms")


def sign_in(values: Values) -> Command:
    """The same sign-in by hand. `curl -u` does not work: Proxmox VE knows no basic authentication."""
    if values.token:
        header = quote(f"Authorization: PVEAPIToken={values.token}=")
        text = f"read -rsp 'Secret: ' S && {values.curl} -i -H {header}\"$S\" {values.base}/version"
        return Command(text, HERE, "200 means that it is accepted; the secret is asked for")
    user = quote(f"username={values.who}")
    text = (
        f"read -rsp 'Password: ' P && {values.curl} -o /dev/null -w '%{{http_code}}\\n' --data-urlencode {user}"
        f' --data-urlencode "password=$P" {values.base}/access/ticket'
    )
    return Command(text, HERE, "200 means that it is accepted; the password is asked for")


def service(values: Values, name: str) -> tuple[Command, ...]:
    return (
        on_node(values, f"systemctl status {name}", "whether it runs"),
        on_node(values, f"systemctl restart {name}", "starts it anew; containers are not touched"),
    )


def logs(values: Values) -> Command:
    return on_node(values, "journalctl -u pveproxy -u pvedaemon -n 50 --no-pager", "what it says itself")


def listens(values: Values) -> Command:
    return on_node(values, f"ss -ltn sport = :{values.port}", "whether it listens; Recv-Q counts who waits")


def firewall(values: Values) -> tuple[Command, ...]:
    source = f" --source {values.source}" if values.source else ""
    rule = f"pvesh create /cluster/firewall/rules --type in --action ACCEPT --proto tcp --dport {values.port}"
    return (
        at_console("pve-firewall status", "whether Proxmox VE's own firewall is on"),
        at_console(f"{rule}{source} --enable 1 --comment paddock", "lets Paddock through it"),
    )


def rights(values: Values) -> tuple[Command, ...]:
    """Gives what is missing, where it is missing."""
    check = at_console(
        f"pveum user token permissions {quote(values.who)} {quote(values.token.rpartition('!')[2])}"
        if values.token
        else f"pveum user permissions {quote(values.who)}",
        "what it may do now",
    )
    given = [command for path in values.grant_on for command in _grants(values, path)]
    if set(values.grant_on) != {"/"}:  # a narrower entry, or one below what Paddock asks about
        given.insert(0, at_console("pveum acl list", "all entries; NoAccess cancels the others on its path"))
    return (check, *given)


def _grants(values: Values, path: str) -> tuple[Command, ...]:
    """A token with privilege separation and its user both need it. Below / apart, since the user may have enough
    there already, and an entry of his own would take the rest from him."""
    user, token = f"--users {quote(values.who)}", f"--tokens {quote(values.token)}" if values.token else ""
    modify = f"pveum acl modify {path}"
    if path == "/":
        who = f"{user} {token}".strip()
        return (at_console(f"{modify} {who} --roles PVEAuditor", "the right to see everything"),)
    replaces = f"an entry on {path} replaces what is inherited, so it needs this role too"
    if not token:
        return (at_console(f"{modify} {user} --roles PVEAuditor", replaces),)
    return (
        at_console(f"{modify} {token} --roles PVEAuditor", replaces),
        at_console(f"{modify} {user} --roles PVEAuditor", "only if its user may not see it there either"),
    )


def users(values: Values) -> tuple[Command, ...]:
    look = f"pveum user list --output-format json-pretty | grep -B3 -A6 -F {quote(values.who)}"
    return (sign_in(values), at_console(look, "whether the user is enabled, and until when"))


def tokens(values: Values) -> tuple[Command, ...]:
    return (
        sign_in(values),
        at_console(f"pveum user token list {quote(values.who)}", "whether it is there, and until when"),
        users(values)[1],
    )


def certificates(values: Values) -> tuple[Command, ...]:
    shown = (
        f"openssl s_client -connect {values.authority} </dev/null 2>/dev/null |"
        " openssl x509 -noout -fingerprint -sha256 -subject -issuer -dates"
    )
    return (
        at_console(
            "pvenode cert info", "what the node itself has; look at its console, not over the network"
        ),
        Command(shown, HERE, "what answers here"),
    )


def renew(values: Values) -> tuple[Command, ...]:
    """As whoever signed it does."""
    ways = renewals(values.by_cluster)
    return (*(on_node(values, one.command, one.when) for one in ways), *certificates(values))


def install(values: Values) -> tuple[Command, ...]:
    return (*certificates(values), at_console(OWN.command, "installs a certificate of your own CA"))


def clocks(values: Values) -> tuple[Command, ...]:
    return (
        on_node(values, "timedatectl", "the node's clock, and whether it follows a time server"),
        Command("timedatectl", HERE, "Paddock's own"),
        on_node(values, "chronyc makestep", "sets the node's clock right at once"),
    )


def cluster(values: Values) -> tuple[Command, ...]:
    return (
        on_node(values, "pvecm status", "who is there, and how many votes are needed"),
        on_node(values, "systemctl status corosync pve-cluster", "whether the cluster's own services run"),
    )


def storages(values: Values) -> tuple[Command, ...]:
    return (on_node(values, "pvesm status", "each storage with its state and room"),)


def hold_containers(values: Values) -> tuple[Command, ...]:
    """A storage takes them besides what it takes already."""
    name, content = values.storage
    if name:
        allow = f"pvesm set {quote(name)} --content {quote(content)}"
        return (*storages(values), at_console(allow, "lets it take containers' disks besides"))
    configured = on_node(values, "cat /etc/pve/storage.cfg", "which storages there are, and what they take")
    return (*storages(values), configured)


def trust(values: Values) -> tuple[Command, ...]:
    """The same diagnosis once the fingerprint has been compared."""
    again = f"paddock diagnose {quote(f'https://{values.authority}')}"
    if values.fingerprint:
        again += f" --fingerprint {values.fingerprint}"
    return (
        *certificates(values),
        Command(again, HERE, "goes on once you have compared it"),
    )
