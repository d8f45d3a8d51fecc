"""Which addresses of the network are everybody's, and which lead into somebody's own."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052): its last four bytes are the address that is meant."""


def is_public(text: str) -> bool:
    """Whether a numeric address is on the public internet, whatever it is wrapped in. Metadata servers,
    loopback, private, link-local, shared, reserved and multicast addresses are not."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in (address, *_within(address)))


def is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def _within(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 one stands for: mapped, 6to4, Teredo (server and client), NAT64."""
    if isinstance(address, IPv4Address):
        return []
    candidates = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        candidates.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in candidates if one]
