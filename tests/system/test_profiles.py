"""Seconds and joules of a client's round, by hand; catalogues and what is refused."""

from __future__ import annotations

import pytest

from fedreid.errors import UserError
from fedreid.pruning.devices import device_named
from fedreid.scenario.system_schema import ProfileSettings
from fedreid.system import Link, Profile, link_named, links, profiles_of

SLOW = Link("a", down_mbps=8, up_mbps=4, latency_ms=50)


def test_a_message_takes_its_latency_and_its_bits() -> None:
    """10^6 bytes are 8 x 10^6 bits: one second at 8 Mbit/s, two at 4."""
    assert SLOW.down_seconds(1e6) == pytest.approx(1.05)
    assert SLOW.up_seconds(1e6) == pytest.approx(2.05)


def test_a_round_is_down_training_and_up() -> None:
    profile = Profile(macs_per_second=1e9, link=SLOW, watts=10)
    assert profile.seconds(macs=2e9, bytes_down=1e6, bytes_up=5e5) == pytest.approx(1.05 + 2 + 1.05)
    assert profile.seconds(macs=2e9, bytes_down=0, bytes_up=0, slowdown=3) == pytest.approx(0.1 + 6)
    assert profile.joules(2e9) == 20
    assert profile.joules(2e9, slowdown=3) == 60


def test_a_device_gives_a_share_of_its_peak_and_its_power() -> None:
    """235.9 GFLOPS are 117.95 x 10^9 multiply-accumulates a second at the peak; a fifth of it is 23.59."""
    settings = ProfileSettings(device="jetson-nano", utilisation=0.2, link="fast-ethernet")
    assert profiles_of([settings], 2) == [Profile(pytest.approx(23.59e9), link_named("fast-ethernet"), 10.0)] * 2


def test_what_was_measured_comes_before_the_catalogue() -> None:
    settings = ProfileSettings(
        device="jetson-nano", gmacs_per_second=5, watts=7, link="broadband", up_mbps=1, latency_ms=200
    )
    (profile,) = profiles_of([settings], 1)
    assert (profile.macs_per_second, profile.watts) == (5e9, 7)
    assert (profile.link.down_mbps, profile.link.up_mbps, profile.link.latency_ms) == (100, 1, 200)


def test_clients_that_are_named_and_all_others() -> None:
    fast = ProfileSettings(clients=(2,), gmacs_per_second=100, down_mbps=1, up_mbps=1)
    slow = ProfileSettings(gmacs_per_second=1, down_mbps=1, up_mbps=1)
    assert [profile.macs_per_second for profile in profiles_of([fast, slow], 4)] == [1e9, 1e9, 100e9, 1e9]


GIVEN = {"gmacs_per_second": 1.0, "down_mbps": 1.0, "up_mbps": 1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"clients": (3,), **GIVEN}], r"profiles\[0\] names client 3, .* has 0 to 2"),
        ([{"clients": (0, 1), **GIVEN}], "client 2 has none"),
        ([GIVEN, {"clients": (1, 1), **GIVEN}], r"profiles\[1\]: client 1 has a profile already"),
        ([GIVEN, GIVEN], r"profiles\[1\]: a second one without `clients`"),
        ([{"device": "jetson-nanno", "link": "mobile"}], "Did you mean jetson-nano?"),
        ([{"device": "jetson-nano", "link": "mobil"}], "Did you mean mobile?"),
        ([{"link": "mobile"}], r"profiles\[0\] has no speed: set device, or gmacs_per_second"),
        ([{"device": "jetson-nano", "down_mbps": 3.0}], "no link: set link, or both down_mbps and up_mbps"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(settings: list[dict], message: str) -> None:
    with pytest.raises(UserError, match=message):
        profiles_of([ProfileSettings(**each) for each in settings], 3)


def test_every_link_can_carry_something() -> None:
    assert len(links()) >= 4
    assert all(link.down_seconds(1e6) > 0 and link.up_mbps <= link.down_mbps for link in links().values())
    assert device_named("jetson-nano").watts == 10
