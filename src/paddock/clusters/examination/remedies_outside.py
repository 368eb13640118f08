"""The causes on the way to a node, up to the sign-in, and what to do about each. Pure."""

from __future__ import annotations

from paddock.clusters.examination import commands as run
from paddock.clusters.examination.remedy import TOO_MUCH, Remedy, nothing, service, several
from paddock.clusters.examination.steps import Key

_NO_CA = (
    "Install a valid certificate on the node, or trust this cluster's CA once its fingerprint is compared. On an "
    "isolated network only: enable “Disable TLS Verification”."
)

OUTSIDE: dict[str, Remedy] = {
    # -- the way there
    "name_not_found": Remedy(
        Key.RESOLVE,
        "The host name of the API URL does not resolve from Paddock's machine.",
        "Check the spelling, or give the node's IP address.",
        several(run.resolve),
    ),
    "bad_address": Remedy(
        Key.RESOLVE, "It is neither an address nor a name.", "Correct the API URL.", nothing
    ),
    "forbidden_address": Remedy(
        Key.RESOLVE,
        "The name leads to a link-local or metadata address, where Paddock never connects.",
        "Give the node's address in your network.",
        several(run.resolve),
    ),
    "connect_timeout": Remedy(
        Key.CONNECT,
        "Packets to the port are not answered at all.",
        "The node may be off, its address wrong, or a firewall drops the packets.",
        several(run.ping, run.port, run.firewall),
    ),
    "firewall": Remedy(
        Key.CONNECT,
        "The other members reach the node's API, Paddock does not: a firewall stands between.",
        "Open the port for Paddock, on the way or on the node.",
        several(run.ping, run.port, run.firewall),
    ),
    "api_hangs": Remedy(
        Key.CONNECT,
        "The cluster sees the node online, but nobody gets a connection to its API: its queue is full, or it went down seconds ago.",
        "Look at the node's API service, and restart it.",
        several(run.listens, service("pveproxy"), run.logs),
    ),
    "wrong_address": Remedy(
        Key.CONNECT,
        "The cluster reports another address for the node, and the API answers there.",
        "Give the node the address that the cluster reports, by importing the cluster again or on the node's page.",
        several(run.ping),
    ),
    "node_down": Remedy(
        Key.CONNECT,
        "Neither Paddock nor the other members see the node.",
        "Bring the node up: look at its power and its console.",
        several(run.ping),
    ),
    "connection_refused": Remedy(
        Key.CONNECT,
        "The host answers, but nothing listens on that port.",
        "The API service does not run, or it is another port: start it.",
        several(service("pveproxy"), run.listens, run.port),
    ),
    "no_route": Remedy(
        Key.CONNECT,
        "The network between has no way there.",
        "Look at routes, VPN and the node's address; the node may also be off.",
        several(run.route, run.ping),
    ),
    "unreachable": Remedy(
        Key.CONNECT, "The connection fails.", "Look at the network between.", several(run.ping, run.port)
    ),
    "connection_reset": Remedy(
        Key.PRODUCT,
        "It closes the connection without an answer.",
        "Look at the API service.",
        several(service("pveproxy"), run.logs),
    ),
    # -- the certificate
    "tls_failed": Remedy(
        Key.CERTIFICATE,
        "The TLS handshake breaks.",
        "Its certificate or TLS settings are broken: make a new certificate.",
        run.renew,
    ),
    "plain_http": Remedy(
        Key.CERTIFICATE,
        "What listens there does not speak TLS.",
        "Give the address of Proxmox VE's own API: https, normally port 8006.",
        several(run.unverified),
    ),
    "fingerprint_changed": Remedy(
        Key.CERTIFICATE,
        "It shows another certificate than the one that is trusted. No credential was sent.",
        "Compare with the node's console. Same as shown now: trust it. Different: another machine answers here.",
        run.certificates,
    ),
    "custom_certificate": Remedy(
        Key.CERTIFICATE,
        "The certificate is new, and the other members report it too: somebody installed it on the node.",
        "Nothing: Paddock believes it as soon as it has read the fingerprint from another member, within minutes.",
        run.certificates,
    ),
    "ca_replaced": Remedy(
        Key.CERTIFICATE,
        "All members show certificates of another authority: the cluster's CA was made anew, or all traffic is led astray.",
        "Compare with the console of a node, then import the cluster again with the new fingerprint.",
        run.certificates,
    ),
    "unknown_authority": Remedy(
        Key.CERTIFICATE, "The certificate comes from an authority that is not trusted.", _NO_CA, run.install
    ),
    "self_signed": Remedy(Key.CERTIFICATE, "The certificate is signed by itself.", _NO_CA, run.install),
    "unconfirmed": Remedy(
        Key.CERTIFICATE,
        "Nobody has compared the certificate's fingerprint yet.",
        "Compare it with the node's console, then trust it.",
        run.trust,
    ),
    "host_mismatch": Remedy(
        Key.CERTIFICATE,
        "The certificate is not valid for the host name of the API URL.",
        "Give the URL with a name or address that it is valid for, or make a certificate for this one.",
        several(run.resolve_names, run.renew),
    ),
    "expired": Remedy(Key.CERTIFICATE, "The certificate has expired.", "Renew it on the node.", run.renew),
    "not_yet_valid": Remedy(
        Key.CERTIFICATE,
        "The certificate is not valid yet.",
        "The clocks of the node and of Paddock differ: compare them.",
        run.clocks,
    ),
    "expires_soon": Remedy(
        Key.CERTIFICATE, "The certificate expires within 30 days.", "Renew it before that.", run.renew
    ),
    "unverified": Remedy(
        Key.CERTIFICATE,
        "Verification is switched off for this cluster.",
        "Trust this cluster's CA instead, or install valid certificates.",
        run.certificates,
    ),
    # -- the product
    "not_proxmox": Remedy(
        Key.PRODUCT,
        "Something else than Proxmox VE answers.",
        "Give the address of a Proxmox VE node; its API listens on port 8006.",
        several(run.unverified, run.realms),
    ),
    "timed_out": Remedy(
        Key.PRODUCT,
        "It takes the question and does not answer.",
        "The API service hangs: restart it.",
        several(service("pveproxy"), service("pvedaemon"), run.logs),
    ),
    "slow": Remedy(
        Key.PRODUCT,
        "It answers, but late.",
        "Look at the node's load.",
        several(lambda v: run.on_node(v, "uptime"), run.logs),
    ),
    "gateway_failed": Remedy(
        Key.PRODUCT,
        "Something in front of the API answers, and does not reach it.",
        "Look at the API's services, or give the node's own address.",
        several(service("pveproxy"), service("pvedaemon")),
    ),
    "unreadable": Remedy(
        Key.PRODUCT, "The answers are not what Proxmox VE sends.", TOO_MUCH, several(run.realms, run.logs)
    ),
    "too_large": Remedy(Key.PRODUCT, "The answers are too large.", TOO_MUCH, several(run.logs)),
}
