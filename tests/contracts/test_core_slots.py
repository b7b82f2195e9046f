"""Slots: UTC days, their falling reward, and each node's share of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from emeth_tui.protocol.contracts import ROUND_3_2_RATES, Rates
from tests.contracts.world import DAY_S, EMT, NOON_UNIX_S, Network, core_params

START_SLOT = NOON_UNIX_S // DAY_S
FIRST_REWARD_WEI = 288_000 * EMT  # protocol.md §2
REWARDED_DAYS = 20 * 365


def test_a_slot_is_a_utc_day(network: Network) -> None:
    core = network.core.functions
    assert core.startSlot().call() == START_SLOT
    for slot, unix_s in (
        (START_SLOT, START_SLOT * DAY_S + DAY_S - 1),
        (START_SLOT + 1, (START_SLOT + 1) * DAY_S),
    ):
        network.now_unix_s = unix_s
        assert network.answer("node", core.currentSlot()) == slot


@pytest.mark.parametrize("day", [0, 1, 2, 364, 365, 3_650, REWARDED_DAYS - 1, REWARDED_DAYS, 40_000])
def test_the_reward_falls_by_a_365th_of_14400_emt_a_day_to_nothing(network: Network, day: int) -> None:
    network.now_unix_s += day * DAY_S
    reward_wei = network.answer("node", network.core.functions.currentSlotReward())
    assert reward_wei == max(0, FIRST_REWARD_WEI - 14_400 * EMT * day // 365)
    assert (reward_wei == 0) == (day >= REWARDED_DAYS)


@pytest.mark.parametrize("first_wei", [0, 1, 7_301, 1_000 * EMT, 2**200])
def test_a_network_chooses_its_first_days_reward(network: Network, first_wei: int) -> None:
    arguments = network.token.address, network.address("verifier"), core_params(network.rates, first_wei)
    core = network.deploy("EmethCore", *arguments).functions
    for day in (0, 1, 3_650, REWARDED_DAYS - 1, REWARDED_DAYS):
        network.now_unix_s = NOON_UNIX_S + day * DAY_S
        expected_wei = max(0, first_wei - first_wei // 20 * day // 365) if day < REWARDED_DAYS else 0
        assert network.answer("node", core.currentSlotReward()) == expected_wei


def test_gas_goes_to_the_slot_in_which_the_verifier_decides(network: Network) -> None:
    before_midnight, at_midnight = (START_SLOT + 1) * DAY_S - 1, (START_SLOT + 1) * DAY_S
    early, late = network.submitted(), network.submitted()
    core, node = network.core.functions, network.address("node")

    network.now_unix_s = before_midnight
    network.send("verifier", core.verify(early, 100))
    network.now_unix_s = at_midnight
    network.send("verifier", core.verify(late, 30))

    assert core.slotGas(START_SLOT, node).call() == 100
    assert core.slotGas(START_SLOT + 1, node).call() == 30
    assert core.slots(START_SLOT).call() == [100, FIRST_REWARD_WEI]
    assert core.slots(START_SLOT + 1).call() == [30, FIRST_REWARD_WEI - 14_400 * EMT // 365]
    assert core.slots(START_SLOT + 2).call() == [0, 0]


def test_a_slot_pays_from_midnight_on(network: Network) -> None:
    network.verified(100)
    withdraw = network.core.functions.withdrawSlotReward(START_SLOT)

    network.now_unix_s = (START_SLOT + 1) * DAY_S - 1
    assert network.refusal("node", withdraw) == "EmethCore: slot is not closed"
    network.now_unix_s += 1
    assert network.answer("node", withdraw) is True


def test_a_slot_of_the_future_is_not_closed(network: Network) -> None:
    withdraw = network.core.functions.withdrawSlotReward(START_SLOT + 5)
    assert network.refusal("node", withdraw) == "EmethCore: slot is not closed"


@pytest.mark.slow
def test_shares_are_gas_over_gas_and_newly_minted(network: Network) -> None:
    network.verified(100)
    network.verified(50)
    network.verified(50, node="rival")
    network.now_unix_s += DAY_S
    core = network.core.functions
    assert core.slotBalances(START_SLOT, network.address("node")).call() == 150

    with network.moved_wei() as moved:
        receipt = network.send("node", core.withdrawSlotReward(START_SLOT))
    assert moved == {"node": 216_000 * EMT, "supply": 216_000 * EMT}
    assert network.events(receipt) == []
    with network.moved_wei() as moved:
        network.send("rival", core.withdrawSlotReward(START_SLOT))
    assert moved == {"rival": 72_000 * EMT, "supply": 72_000 * EMT}


def test_shares_are_rounded_down(network: Network) -> None:
    for gas, node in ((1, "node"), (6, "rival")):
        network.verified(gas, node=node)
    network.now_unix_s += DAY_S
    core = network.core.functions

    with network.moved_wei() as moved:
        network.send("node", core.withdrawSlotReward(START_SLOT))
        network.send("rival", core.withdrawSlotReward(START_SLOT))

    assert moved["node"] == FIRST_REWARD_WEI // 7
    assert moved["rival"] == FIRST_REWARD_WEI * 6 // 7
    assert FIRST_REWARD_WEI - moved["supply"] == 1


def test_a_share_is_withdrawn_once(network: Network) -> None:
    network.verified(100)
    network.now_unix_s += DAY_S
    core, node = network.core.functions, network.address("node")
    network.send("node", core.withdrawSlotReward(START_SLOT))

    assert network.refusal("node", core.withdrawSlotReward(START_SLOT)) == "EmethCore: nothing to withdraw"
    assert core.slotBalances(START_SLOT, node).call() == 0
    assert core.slotGas(START_SLOT, node).call() == 100
    assert core.slots(START_SLOT).call() == [100, FIRST_REWARD_WEI]


@pytest.mark.parametrize("person", ["rival", "verifier", "requester", "owner"])
def test_those_without_a_share_get_nothing(network: Network, person: str) -> None:
    network.verified(100)
    network.now_unix_s += DAY_S
    withdraw = network.core.functions.withdrawSlotReward(START_SLOT)
    assert network.refusal(person, withdraw) == "EmethCore: nothing to withdraw"


def test_a_node_lists_each_of_its_slots_once(network: Network) -> None:
    core, node = network.core.functions, network.address("node")
    network.verified(1)
    network.verified(2)
    network.now_unix_s += 3 * DAY_S
    network.verified(3)

    assert core.nodeSlotCount(node).call() == 2
    assert [core.nodeSlots(node, index).call() for index in range(2)] == [START_SLOT, START_SLOT + 3]
    assert core.nodeSlotUnique(node, START_SLOT).call() is True
    assert core.nodeSlotUnique(node, START_SLOT + 1).call() is False


def test_a_job_may_earn_no_gas(network: Network) -> None:
    job_id = network.verified(0)
    core, node = network.core.functions, network.address("node")
    assert core.jobAssigns(job_id).call()[2] == 0
    assert core.slots(START_SLOT).call() == [0, 0]
    assert core.nodeSlotCount(node).call() == 0
    network.now_unix_s += DAY_S
    assert network.refusal("node", core.withdrawSlotReward(START_SLOT)) == "EmethCore: nothing to withdraw"


def test_after_twenty_years_a_share_is_worth_nothing(network: Network) -> None:
    network.now_unix_s += REWARDED_DAYS * DAY_S
    network.verified(100)
    slot = START_SLOT + REWARDED_DAYS
    network.now_unix_s += DAY_S
    with network.moved_wei() as moved:
        network.send("node", network.core.functions.withdrawSlotReward(slot))
    assert moved == {}


def test_the_greatest_gas_still_gives_a_reward(network: Network) -> None:
    network.verified(2**128 - 1)
    network.verified(2**128 - 1)
    network.now_unix_s += DAY_S
    with network.moved_wei() as moved:
        network.send("node", network.core.functions.withdrawSlotReward(START_SLOT))
    assert moved["node"] == FIRST_REWARD_WEI


@pytest.mark.slow
def test_gas_over_a_nodes_limit_for_the_slot_earns_nothing(
    network_with: Callable[[Rates], Network],
) -> None:
    network = network_with(replace(ROUND_3_2_RATES, max_slot_gas_per_node=150))
    core, node = network.core.functions, network.address("node")
    jobs = [network.verified(100), network.verified(100), network.verified(100)]
    rival_job = network.verified(100, node="rival")

    assert [core.jobAssigns(job_id).call()[2] for job_id in (*jobs, rival_job)] == [100, 50, 0, 100]
    assert core.slotGas(START_SLOT, node).call() == 150
    assert core.slots(START_SLOT).call()[0] == 250
    network.now_unix_s += DAY_S
    tomorrow = network.verified(100)
    assert core.jobAssigns(tomorrow).call()[2] == 100


@pytest.mark.parametrize(("megabytes", "complexity", "gas"), [(1, 5_822, 5), (200, 5_822, 1_164), (0, 9, 0)])
def test_gas_is_estimated_as_size_times_complexity_by_a_thousand(
    network: Network, megabytes: int, complexity: int, gas: int
) -> None:
    assert network.core.functions.getEstimatedGas(megabytes, complexity).call() == gas
