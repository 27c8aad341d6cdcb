"""The addresses that a fetch may connect to. Pure. Checks addresses, not names: a name may resolve to any (SSRF)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: The only IPv6 space allocated for the public internet (IANA, "IPv6 Global Unicast Address Assignments").
_GLOBAL_UNICAST = IPv6Network("2000::/3")
#: Addresses with an IPv4 address in the last 32 bits (RFC 6052), by which IPv6-only hosts reach the IPv4 internet.
_NAT64 = IPv6Network("64:ff9b::/96")
#: Global according to ``ipaddress``, but not addresses of public web servers.
_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # Azure's host agent, reachable from its virtual machines only
    IPv4Network("192.0.0.0/24"),  # protocol assignments (RFC 6890); Oracle's metadata is 192.0.0.192
    IPv4Network("192.88.99.0/24"),  # 6to4 relays (RFC 7526)
    IPv6Network("2001::/32"),  # Teredo: an IPv4 address inside
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address inside
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)


#: Link-local addresses and the metadata services of cloud providers: they answer only the machine itself, and serve its
#: credentials. No company publishes a CSV there.
HOST_SERVICES: tuple[Network, ...] = (
    IPv4Network("169.254.0.0/16"),  # link-local (RFC 3927); AWS, Azure, GCP, OpenStack: 169.254.169.254
    IPv6Network("fe80::/10"),  # link-local (RFC 4291)
    IPv6Network("fd00:ec2::254/128"),  # AWS's metadata
    IPv4Network("100.100.100.200/32"),  # Alibaba's metadata
    IPv4Network("168.63.129.16/32"),  # Azure's host agent
    IPv4Network("192.0.0.192/32"),  # Oracle's metadata
)


def is_host_service(address: Address) -> bool:
    """Return whether ``address`` belongs to the machine's own network services, such as its cloud's metadata."""
    return is_inside(_unmapped(address), HOST_SERVICES)


def is_own_machine(address: Address) -> bool:
    """Return whether ``address`` is this machine, or one of its network services."""
    unmapped = _unmapped(address)
    return is_host_service(unmapped) or unmapped.is_loopback or unmapped.is_unspecified


def _unmapped(address: Address) -> Address:
    """The IPv4 address that ``address`` maps to IPv6 (RFC 4291, 2.5.5.2), else ``address``."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def may_connect(address: Address, allowed_networks: Iterable[Network]) -> bool:
    """Return whether ``address`` is public or inside one of the allowed networks, and no host service."""
    return not is_host_service(address) and (is_inside(address, allowed_networks) or is_public(address))


def is_inside(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether one of ``networks`` contains ``address``."""
    return any(address in network for network in networks)


def is_public(address: Address) -> bool:
    """Return whether ``address`` is a host on the public internet.

    ``is_global`` alone is not enough: it is true of multicast, and of IPv6 forms that embed a private IPv4 address.
    Of these forms NAT64 is judged by the embedded address; the others are obsolete and always refused.
    """
    if address in _NAT64:
        address = IPv4Address(int(address) & 0xFFFF_FFFF)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not is_inside(address, _NOT_PUBLIC)
