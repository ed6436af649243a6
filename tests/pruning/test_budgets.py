"""Budgets: shares, amounts and devices; the largest tier that fits everything that is stated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.errors import UserError
from fedreid.pruning.budgets import assign, budget_of, largest_fitting, limits_of, refuse_clients
from fedreid.pruning.costs import Costs
from fedreid.pruning.devices import Device, catalogue, device_named
from fedreid.scenario.pruning_schema import BudgetSettings

WHOLE = {"macs": 1000.0, "params": 200.0, "memory_mb": 50.0, "round_mb": 8.0, "latency_ms": 20.0}
HALF = {"macs": 490.0, "params": 110.0, "memory_mb": 30.0, "round_mb": 4.5, "latency_ms": 15.0}
QUARTER = {"macs": 240.0, "params": 60.0, "memory_mb": 20.0, "round_mb": 2.5, "latency_ms": 12.0}
TIERS = [WHOLE, HALF, QUARTER]


def places(*budgets: BudgetSettings, clients: int = 1) -> list[int]:
    return assign([TIERS] * clients, [WHOLE] * clients, budgets)


@pytest.mark.parametrize(
    ("budget", "place"),
    [
        ({"macs": 1.0}, 0),
        ({"macs": 0.5}, 1),
        ({"macs": 490.0}, 1),
        ({"macs": 489.0}, 2),
        ({"params": 0.5}, 2),  # 100 of 200: half's 110 are too many
        ({"memory_mb": 30.0}, 1),
        ({"round_mb": 3.0}, 2),
        ({"latency_ms": 0.6}, 2),  # 12 of 20 milliseconds
        ({"macs": 1.0, "round_mb": 4.5}, 1),  # everything stated has to fit
        ({"device": "nvidia-t4"}, 0),
    ],
)
def test_a_client_gets_the_largest_tier_that_fits(budget: dict[str, float | str], place: int) -> None:
    assert places(BudgetSettings(**budget)) == [place]  # type: ignore[arg-type]


def test_small_limits_are_amounts_where_the_budget_says_so() -> None:
    tiers = [{"latency_ms": 1.6}, {"latency_ms": 0.9}, {"latency_ms": 0.7}]
    share, amount = BudgetSettings(latency_ms=0.7), BudgetSettings(latency_ms=0.7, amounts=True)
    assert assign([tiers], tiers[:1], [share]) == [1], "1.12 ms"
    assert assign([tiers], tiers[:1], [amount]) == [2]
    assert limits_of(amount, tiers[0]) == {"latency_ms": 0.7}
    with pytest.raises(UserError, match=r"0\.5 +0\.7"):
        assign([tiers], tiers[:1], [BudgetSettings(latency_ms=0.5, amounts=True)])


def test_a_client_without_budget_gets_the_first_tier_and_others_the_one_for_others() -> None:
    named = BudgetSettings(clients=(1,), macs=0.25)
    assert places(named, clients=3) == [0, 2, 0]
    assert places(named, BudgetSettings(macs=0.5), clients=3) == [1, 2, 1]
    assert budget_of(0, [named]) is None


def test_a_devices_memory_is_a_limit_beside_what_is_stated() -> None:
    assert limits_of(BudgetSettings(device="jetson-nano"), WHOLE) == {"memory_mb": 4000}
    assert limits_of(BudgetSettings(device="jetson-nano", memory_mb=30.0), WHOLE) == {"memory_mb": 30}


def test_what_fits_no_tier_is_told_with_what_the_smallest_needs() -> None:
    with pytest.raises(UserError) as caught:
        places(BudgetSettings(clients=(0,), macs=0.2, params=59.0, memory_mb=1.0), BudgetSettings(macs=1.0), clients=2)
    lines = str(caught.value).splitlines()
    assert [" ".join(line.split()) for line in lines[2:-1]] == [
        "0 MACs 200 (0.2 of the whole network's) 240",
        "0 parameters 59 60",
    ]


def test_clients_that_are_not_there_are_refused() -> None:
    refuse_clients([BudgetSettings(clients=(0, 5), macs=1.0)], 6)
    with pytest.raises(UserError, match="names client 6, and this federation has 0 to 5"):
        refuse_clients([BudgetSettings(clients=(6,), macs=1.0)], 6)


def test_an_unknown_device_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="Did you mean jetson-tx2"):
        device_named("jetson-tx")


def test_the_catalogue_has_boards_and_a_server_gpu() -> None:
    devices = catalogue()
    assert {"jetson-nano", "jetson-orin-nano", "nvidia-t4"} <= devices.keys()
    assert all(min(each.memory_gb, each.gflops, each.bandwidth_gbs, each.watts) > 0 for each in devices.values())


def test_latency_is_the_larger_of_arithmetic_and_traffic() -> None:
    device = Device("a board", memory_gb=1, gflops=10, bandwidth_gbs=2, watts=1)
    arithmetic = Costs(macs=50_000_000, params=0, activations=0, largest_pass=0)
    assert device.latency_ms(arithmetic) == pytest.approx(10)  # 10^8 operations at 10^10 a second
    traffic = Costs(macs=0, params=1_000_000, activations=2_000_000, largest_pass=0)
    assert device.latency_ms(traffic) == pytest.approx(10)  # 4 (1 + 2 x 2) 10^6 bytes at 2 x 10^9 a second


@given(st.lists(st.floats(1, 100), min_size=1, max_size=5), st.floats(0.5, 120))
def test_nothing_larger_would_fit(sizes: list[float], limit: float) -> None:
    tiers = [{"macs": size} for size in sorted(sizes, reverse=True)]
    place = largest_fitting(tiers, {"macs": limit})
    assert all(each["macs"] > limit for each in tiers[:place])
    assert place is None or tiers[place]["macs"] <= limit
