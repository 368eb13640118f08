"""The only door to Proxmox VE. Knows nothing of Paddock's own things.

`Connections` holds one `Connection` per cluster; `reads` has the typed reads, `first_contact.reach` is for a
cluster that is not known yet. What can go wrong is in `errors`.
"""

from paddock.proxmox.address import Endpoint, parse_api_url
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import ConnectionPlan, Connections
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.first_contact import Reached, TrustChoice, reach
from paddock.proxmox.members import Member, MemberState
from paddock.proxmox.trust import TlsPolicy, TrustMode

__all__ = [
    "Certificate",
    "Connection",
    "ConnectionPlan",
    "Connections",
    "Credential",
    "Endpoint",
    "Member",
    "MemberState",
    "PasswordCredential",
    "Reached",
    "TlsPolicy",
    "TokenCredential",
    "TrustChoice",
    "TrustMode",
    "parse_api_url",
    "reach",
]
