"""What a platform's refusal means, case by case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from paperlark.model.problems import DeliveryError
from paperlark.model.readers import Cadence, Destination, EmptyPolicy, Rhythm
from paperlark.pipeline.settle import (
    ADDRESS_REST,
    CHANNEL_REST,
    DOUBT,
    FAILURES,
    UNCONFIRMED_TWICE,
    UNREACHABLE_REST,
    Settled,
    settle,
)
from paperlark.schedule import GIVE_UP_AFTER, LONGEST_WAIT
from paperlark.store.outbox import Delivery
from paperlark.store.recipients import Place
from tests.builders import MONDAY

DELIVERY = Delivery(1, 2, 3, "fake", Cadence.INSTANT, "now", MONDAY, 1, MONDAY, 0, None, ({"x": 1},), 0, "token")
PLACE = Place(Destination(1, 3, "fake", "ann", Rhythm(), 20, EmptyPolicy.SILENT))
HOUR = timedelta(hours=1)


def settled(
    error: DeliveryError,
    delivery: Delivery = DELIVERY,
    place: Place = PLACE,
    *,
    after: timedelta = timedelta(0),
    knows_keys: bool = False,
) -> Settled:
    return settle(error, delivery, place, MONDAY + after, jitter=0.5, knows_keys=knows_keys)


def test_what_is_gone_for_ever_pauses_its_address() -> None:
    assert settled(DeliveryError("blocked", permanent=True)) == Settled("blocked", None, pause=True)


def test_what_is_doubtful_is_believed_when_it_is_said_again_an_hour_later() -> None:
    doubtful = DeliveryError("cannot send", doubtful=True)
    first = settled(doubtful)
    assert first == Settled("cannot send", MONDAY + DOUBT, doubted=True)
    doubted = replace(PLACE, doubted_at=MONDAY)
    assert settled(doubtful, place=doubted, after=HOUR / 2).due_at == MONDAY + DOUBT, "not yet"
    assert settled(doubtful, place=doubted, after=HOUR) == Settled("cannot send", None, pause=True)


def test_a_refused_message_dies_and_pauses_nobody() -> None:
    assert settled(DeliveryError("bad mark-up", refused=True)) == Settled("bad mark-up", None)


@pytest.mark.parametrize("of_address", [True, False])
def test_a_named_wait_is_no_attempt_and_rests_what_it_names(of_address: bool) -> None:
    found = settled(DeliveryError("429", retry_after=HOUR, of_address=of_address))
    assert (found.due_at, found.counted, found.rest) == (MONDAY + HOUR, False, HOUR)
    assert found.rests == ("address" if of_address else "channel")


def test_named_waits_end_three_days_after_the_first_try() -> None:
    wait = DeliveryError("429", retry_after=HOUR)
    assert settled(wait, after=GIVE_UP_AFTER - HOUR).due_at is not None
    given_up = settled(wait, after=GIVE_UP_AFTER)
    assert given_up.due_at is None and "given up after 72 hours" in given_up.reason and not given_up.pause


def test_a_wait_of_weeks_is_given_up_and_rests_the_channel_for_hours() -> None:
    found = settled(DeliveryError("429", retry_after=timedelta(days=30)))
    assert (found.due_at, found.rest) == (None, LONGEST_WAIT)


def test_a_channel_out_of_order_rests_and_counts_for_nobody() -> None:
    found = settled(DeliveryError("401", channel=True))
    assert (found.due_at, found.counted, found.rest, found.broken) == (
        MONDAY + CHANNEL_REST, False, CHANNEL_REST, True,
    )  # fmt: skip


def test_a_platform_that_cannot_be_reached_is_tried_by_one_delivery_soon_and_costs_no_attempt() -> None:
    found = settled(DeliveryError("no connection", unreachable=True))
    assert (found.due_at, found.counted, found.failed) == (MONDAY + UNREACHABLE_REST, False, False)
    assert (found.rest, found.rests, found.broken) == (UNREACHABLE_REST, "channel", True)
    given_up = settled(DeliveryError("no connection", unreachable=True), after=GIVE_UP_AFTER)
    assert given_up.due_at is None and "given up after 72 hours" in given_up.reason


def test_a_lost_answer_is_tried_once_more_and_a_second_one_is_the_end() -> None:
    lost = DeliveryError("no answer", ambiguous=True)
    first = settled(lost)
    assert first.unconfirmed and first.due_at is not None
    again = replace(DELIVERY, unconfirmed=1)
    assert settled(lost, again) == Settled(UNCONFIRMED_TWICE, None)
    assert settled(lost, again, knows_keys=True).due_at is not None, "where keys are known, as often as anything"


def test_an_address_that_fails_five_times_in_a_row_is_only_tried_at_times() -> None:
    down = DeliveryError("502")
    well = replace(PLACE, failures=FAILURES - 2)
    due = settled(down, place=well).due_at
    assert due is not None and due < MONDAY + ADDRESS_REST
    ill = settled(down, place=replace(PLACE, failures=FAILURES - 1))
    assert (ill.due_at, ill.failed) == (MONDAY + ADDRESS_REST, True)


def test_a_chat_that_moved_is_told_at_once_and_that_is_an_attempt() -> None:
    found = settled(DeliveryError("moved", new_address="bob"))
    assert (found.due_at, found.new_address, found.counted) == (MONDAY, "bob", True), "two that move to and fro end"
