"""Which addresses are asked: judged as they are written, and as they are dialled."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from paperlark.addresses import Guard, RefusedError, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("2002:808:808::1", True),  # 6to4 of 8.8.8.8
        ("64:ff9b::808:808", True),  # NAT64 of 8.8.8.8
        ("10.1.2.3", False),
        ("100.64.0.1", False),  # carriers' shared space
        ("169.254.169.254", False),
        ("192.88.99.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),  # translated
        ("::ffff:0:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("3fff::1", False),  # for documents
        ("2001:db8::1", False),
        ("2001::1", False),  # Teredo
        ("4000::1", False),  # given to nobody yet
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("5f00::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_public_addresses_are_dialled(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_itself(inner: IPv4Address) -> None:
    outer = [int(IPv6Address(f"{net}")) for net in ("::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "::")]
    wrapped = [str(IPv6Address(net + int(inner))) for net in outer] + [
        str(IPv6Address((0x2002 << 112) + (int(inner) << 80)))
    ]
    assert all(is_public(address) == is_public(str(inner)) for address in wrapped)


@given(st.ip_addresses(v=6))
def test_nothing_outside_the_global_range_is_public_unless_for_what_is_inside_it(address: IPv6Address) -> None:
    carrying = ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")
    if address not in IPv6Network("2000::/3") and not any(address in IPv6Network(net) for net in carrying):
        assert not is_public(str(address))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://example.org/", None),
        ("http://example.org:443/", None),
        ("https://example.org:8443/", "port 8443 is not asked"),
        ("http://example.org:0/", "port 0 is not asked"),
        ("http://example.org:22/", "port 22 is not asked"),
        ("ftp://example.org/", "only http and https addresses are asked"),
        ("http://reader@example.org/", "an address with a user name in it is not asked"),
        ("http://:word@example.org/", "an address with a user name in it is not asked"),
        ("http://example.org/@user:word", None),
    ],
)
def test_an_address_is_judged_as_it_is_written(url: str, why: str | None) -> None:
    if why is None:
        Guard().check(URL(url))
        return
    with pytest.raises(RefusedError) as caught:
        Guard().check(URL(url))
    assert str(caught.value) == why


def test_the_operator_lets_networks_in_by_name_or_all_of_them() -> None:
    def dialled(guard: Guard, address: str) -> bool:
        try:
            guard.dial((2, 1, 6, "", (address, 80))).close()
        except RefusedError:
            return False
        return True

    some, everything = Guard.of(allow_private=["10.1.0.0/16", "fd00:1::/32"]), Guard.of(allow_private=True)
    for guard, expected in ((Guard(), [1, 0, 0, 0, 0]), (some, [1, 1, 1, 0, 0]), (everything, [1, 1, 1, 1, 1])):
        addresses = ["8.8.8.8", "10.1.2.3", "::ffff:10.1.2.3", "10.2.0.1", "169.254.169.254"]
        assert [dialled(guard, address) for address in addresses] == [bool(each) for each in expected]
    with pytest.raises(RefusedError):
        some.check(URL("http://10.1.2.3:8080/"))
    everything.check(URL("http://10.1.2.3:8080/"))
    with pytest.raises(ValueError, match="host bits"):
        Guard.of(allow_private=["10.1.2.3/16"])
