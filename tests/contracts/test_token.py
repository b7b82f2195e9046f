"""EMT: an ERC-20 with a minter and with burning."""

from __future__ import annotations

from typing import Any

from tests.contracts.world import EMT, FUNDS_WEI, INITIAL_SUPPLY_WEI, Network

NOBODY = "0x" + "00" * 20


def test_it_introduces_itself(network: Network) -> None:
    token = network.token.functions
    told = [token.name().call(), token.symbol().call(), token.decimals().call(), token.totalSupply().call()]
    assert told == ["Emeth Token", "EMT", 18, INITIAL_SUPPLY_WEI]


def test_the_deployer_starts_with_the_supply(network: Network) -> None:
    token = network.deploy("EmethToken", 7, by="rival")
    assert token.functions.balanceOf(network.address("rival")).call() == 7
    assert token.functions.owner().call() == network.address("rival")
    assert token.functions.minter().call() == NOBODY


def test_a_transfer_moves_and_says_so(network: Network) -> None:
    node, rival = network.address("node"), network.address("rival")
    with network.moved_wei() as moved:
        receipt = network.send("node", network.token.functions.transfer(rival, 3 * EMT))
    assert moved == {"node": -3 * EMT, "rival": 3 * EMT}
    assert _events(network, receipt) == [("Transfer", {"from": node, "to": rival, "value": 3 * EMT})]


def test_a_transfer_to_oneself_changes_nothing(network: Network) -> None:
    with network.moved_wei() as moved:
        network.send("node", network.token.functions.transfer(network.address("node"), FUNDS_WEI))
    assert moved == {}


def test_a_transfer_stops_at_the_balance(network: Network) -> None:
    transfer = network.token.functions.transfer
    rival = network.address("rival")
    assert network.refusal("node", transfer(rival, FUNDS_WEI + 1)) == "EmethToken: balance too low"
    assert network.answer("node", transfer(rival, FUNDS_WEI)) is True
    assert network.refusal("node", transfer(NOBODY, 1)) == "EmethToken: zero address"


def test_an_allowance_shrinks_as_it_is_used(network: Network) -> None:
    token = network.token.functions
    requester, node, rival = (network.address(name) for name in ("requester", "node", "rival"))
    receipt = network.send("requester", token.approve(node, 5 * EMT))
    approval = {"owner": requester, "spender": node, "value": 5 * EMT}
    assert _events(network, receipt) == [("Approval", approval)]

    with network.moved_wei() as moved:
        network.send("node", token.transferFrom(requester, rival, 2 * EMT))

    assert moved == {"requester": -2 * EMT, "rival": 2 * EMT}
    assert token.allowance(requester, node).call() == 3 * EMT
    refused = token.transferFrom(requester, rival, 3 * EMT + 1)
    assert network.refusal("node", refused) == "EmethToken: allowance too low"
    assert (
        network.refusal("stranger", token.transferFrom(requester, rival, 1))
        == "EmethToken: allowance too low"
    )


def test_an_allowance_does_not_make_up_for_a_balance(network: Network) -> None:
    token = network.token.functions
    network.send("stranger", token.approve(network.address("node"), EMT))
    call = token.transferFrom(network.address("stranger"), network.address("node"), 1)
    assert network.refusal("node", call) == "EmethToken: balance too low"


def test_an_endless_allowance_does_not_shrink(network: Network) -> None:
    token = network.token.functions
    requester, node = network.address("requester"), network.address("node")
    network.send("requester", token.approve(node, 2**256 - 1))
    network.send("node", token.transferFrom(requester, node, EMT))
    assert token.allowance(requester, node).call() == 2**256 - 1


def test_nobody_is_approved_for_nobody(network: Network) -> None:
    call = network.token.functions.approve(NOBODY, 1)
    assert network.refusal("node", call) == "EmethToken: zero address"


def test_the_minter_alone_mints(network: Network) -> None:
    token, node = network.token.functions, network.address("node")
    mint = token.mint(node, EMT)
    for person in ("owner", "node", "verifier"):
        assert network.refusal(person, mint) == "EmethToken: caller is not the minter"
    assert network.refusal("node", token.setMinter(node)) == "EmethToken: caller is not the owner"

    receipt = network.send("owner", token.setMinter(network.address("rival")))
    assert _events(network, receipt) == [("MinterChanged", {"minter": network.address("rival")})]
    with network.moved_wei() as moved:
        receipt = network.send("rival", mint)
    assert moved == {"node": EMT, "supply": EMT}
    assert _events(network, receipt) == [("Transfer", {"from": NOBODY, "to": node, "value": EMT})]
    assert network.refusal("rival", token.mint(NOBODY, 1)) == "EmethToken: zero address"


def test_a_core_that_may_not_mint_keeps_the_share(network: Network) -> None:
    network.verified(10)
    network.now_unix_s += 86_400
    slot = network.core.functions.startSlot().call()
    withdraw = network.core.functions.withdrawSlotReward(slot)
    with network.undone():
        network.send("owner", network.token.functions.setMinter(NOBODY))
        assert network.attempt("node", withdraw)["status"] == 0
        assert network.refusal("node", withdraw) == "EmethToken: caller is not the minter"
        assert network.core.functions.slotBalances(slot, network.address("node")).call() == 10
    assert network.answer("node", withdraw) is True


def test_everybody_may_burn_what_is_theirs(network: Network) -> None:
    token, node = network.token.functions, network.address("node")
    with network.moved_wei() as moved:
        receipt = network.send("node", token.burn(EMT))
    assert moved == {"node": -EMT, "supply": -EMT}
    assert _events(network, receipt) == [("Transfer", {"from": node, "to": NOBODY, "value": EMT})]
    assert network.refusal("node", token.burn(FUNDS_WEI)) == "EmethToken: balance too low"


def _events(network: Network, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for log in receipt["logs"]:
        for event in network.token.events:
            if event().topic == log["topics"][0].to_0x_hex():
                found.append((event.event_name, dict(event().process_log(log)["args"])))
    return found
