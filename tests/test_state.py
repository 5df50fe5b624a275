"""The state table as a graph."""

from __future__ import annotations

from itertools import product

import pytest

from wsproto_core import ConnectionState, Role
from wsproto_core.state import ROLE_ONLY, TRANSITIONS, Action, next_state

STATES = list(ConnectionState)
both_roles = pytest.mark.parametrize("role", list(Role))


def successors(role: Role, state: ConnectionState) -> set[ConnectionState]:
    found = {next_state(role, state, action) for action in Action}
    return {each for each in found if each is not None}


def reachable(role: Role, start: ConnectionState) -> set[ConnectionState]:
    seen = {start}
    waiting = [start]
    while waiting:
        for state in successors(role, waiting.pop()) - seen:
            seen.add(state)
            waiting.append(state)
    return seen


def test_the_table_has_each_state() -> None:
    assert set(TRANSITIONS) == set(STATES)


def test_each_state_is_named_as_it_is_valued() -> None:
    assert [state.name for state in STATES] == [state.value for state in STATES]
    assert {state.name for state in STATES} == {
        "CONNECTING",
        "OPEN",
        "LOCAL_CLOSING",
        "REMOTE_CLOSING",
        "CLOSED",
        "REJECTING",
    }


@both_roles
def test_every_state_is_reached_from_the_first(role: Role) -> None:
    assert reachable(role, ConnectionState.CONNECTING) == set(STATES)


@both_roles
@pytest.mark.parametrize("state", STATES)
def test_every_state_leads_to_the_end(role: Role, state: ConnectionState) -> None:
    assert ConnectionState.CLOSED in reachable(role, state)


@both_roles
def test_nothing_leads_out_of_closed(role: Role) -> None:
    assert reachable(role, ConnectionState.CLOSED) == {ConnectionState.CLOSED}
    assert successors(role, ConnectionState.CLOSED) == set()


@both_roles
def test_nothing_leads_back(role: Role) -> None:
    for one, other in product(STATES, STATES):
        both_ways = other in reachable(role, one) and one in reachable(role, other)
        assert both_ways is (one is other), (one, other)


@both_roles
@pytest.mark.parametrize("state", [state for state in STATES if state.name != "CLOSED"])
def test_the_transport_may_end_in_every_state_but_the_last(
    role: Role, state: ConnectionState
) -> None:
    assert next_state(role, state, Action.LOSE) is ConnectionState.CLOSED


def test_every_action_is_used() -> None:
    used = {action for actions in TRANSITIONS.values() for action in actions}
    assert used == set(Action)


def test_actions_of_one_role_are_the_opening_ones_and_divided_between_them() -> None:
    server = {action for action, role in ROLE_ONLY.items() if role is Role.SERVER}
    client = {action for action, role in ROLE_ONLY.items() if role is Role.CLIENT}
    assert server == {Action.SEND_ACCEPT, Action.SEND_REJECT, Action.SEND_REJECT_DATA}
    assert client == {Action.RECEIVE_ACCEPT, Action.RECEIVE_REJECT}
    opening = {ConnectionState.CONNECTING, ConnectionState.REJECTING}
    for state, actions in TRANSITIONS.items():
        assert state in opening or not ROLE_ONLY.keys() & actions.keys()


def test_what_one_role_alone_does_is_refused_to_the_other_in_every_state() -> None:
    for (action, role), state in product(ROLE_ONLY.items(), STATES):
        assert next_state(role.peer, state, action) is None
        assert next_state(role, state, action) is TRANSITIONS[state].get(action)


def test_what_both_roles_do_leads_both_to_the_same_state() -> None:
    for action, state in product(set(Action) - ROLE_ONLY.keys(), STATES):
        assert next_state(Role.CLIENT, state, action) is next_state(Role.SERVER, state, action)


@both_roles
def test_rules_of_the_closing_handshake(role: Role) -> None:
    def allowed(action: Action) -> set[str]:
        return {s.name for s in STATES if next_state(role, s, action) is not None}

    # RFC 6455 section 5.5.1: no data frames behind a Close
    assert allowed(Action.SEND_MESSAGE) == {"OPEN"}
    # RFC 6455 section 5.5.2: a ping is answered until the peer's Close has come
    assert allowed(Action.SEND_PONG) == {"OPEN", "LOCAL_CLOSING"}
    assert allowed(Action.RECEIVE_FRAME) == {"OPEN", "LOCAL_CLOSING"}
    # each side sends one Close
    assert allowed(Action.SEND_CLOSE) == {"OPEN", "REMOTE_CLOSING"}
    assert allowed(Action.RECEIVE_CLOSE) == {"OPEN", "LOCAL_CLOSING"}
