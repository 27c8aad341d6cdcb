from ipaddress import ip_address, ip_network

import pytest

from livedash_core.clients.addresses import is_public, may_connect


@pytest.mark.parametrize(
    "address",
    [
        *("93.184.215.14", "8.8.8.8", "2606:4700::6810:84e5", "2a00:1450:400e:80d::200e"),
        "64:ff9b::808:808",  # NAT64 of 8.8.8.8
    ],
)
def test_hosts_on_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        # private, loopback, link-local (metadata), shared, unspecified, documentation, benchmark, reserved, broadcast
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200"),
        *("0.0.0.0", "0.1.2.3", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1"),
        *("255.255.255.255", "192.0.0.192", "168.63.129.16", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "2001:db8::1", "100::1"),
        # global to `ipaddress`, or once were
        *("224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "fec0::1", "3fff::1", "5f00::1", "4000::1"),
        # IPv4 inside: mapped, compatible, NAT64 (well-known and local), 6to4, Teredo
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::808:808", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1"),
    ],
)
def test_other_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_a_private_address_may_be_connected_to_inside_an_allowed_network_only() -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert may_connect(ip_address("10.1.2.3"), networks)
    assert may_connect(ip_address("fd00::7"), networks)
    assert not may_connect(ip_address("10.2.0.1"), networks)
    assert not may_connect(ip_address("::ffff:10.1.2.3"), networks)
    assert may_connect(ip_address("8.8.8.8"), networks)
