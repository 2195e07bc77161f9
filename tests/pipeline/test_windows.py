"""No stretch of time holds more messages than a platform bears, however they come, and however late their answers."""

from hypothesis import given
from hypothesis import strategies as st

from paperlark.model.messages import Limits
from paperlark.pipeline.windows import LATE_USUALLY, UNKNOWN, Windows

LIMITS = Limits(overall=5, per_address=1, per_group=10 / 60)


def is_group(address: str) -> bool:
    return address.startswith("#")


def windows(limits: Limits = LIMITS) -> Windows:
    return Windows(limits, is_group)


def most_within(times: list[float], seconds: float) -> int:
    """The most that any stretch of so many seconds holds."""
    return max((sum(at <= other < at + seconds for other in times) for at in times), default=0)


steps = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "carl", "#larks", "#owls"]),
        st.floats(0, 2),  # seconds until the next one is wanted
        st.floats(0.001, 0.4),  # seconds to the platform
        st.floats(0.001, 0.4),  # and back
    ),
    max_size=60,
)


@given(steps)
def test_what_arrives_never_exceeds_the_limits_whatever_the_line_does(
    wanted: list[tuple[str, float, float, float]],
) -> None:
    """One at a time: each is answered before the next is asked for."""
    limited, now = windows(), 0.0
    arrived: dict[str, list[float]] = {}
    for address, pause, there, back in wanted:
        now = max(now + pause, limited.free_at(address))
        limited.take(address, now, lands=True)
        arrived.setdefault(address, []).append(now + there)
        limited.landed(address, now + there + back)
        now += there + back
    everything = sorted(at for times in arrived.values() for at in times)
    assert most_within(everything, 1) <= 5
    for address, times in arrived.items():
        assert most_within(times, 1) <= 1
        assert most_within(times, 60) <= (10 if is_group(address) else 60)


def test_what_is_on_its_way_may_be_counted_at_any_moment() -> None:
    limited = windows()
    for address in "abcde":
        limited.take(address, 0.0, lands=True)
    assert limited.free_at("f") == UNKNOWN
    limited.landed("c", 0.5)
    assert 1.0 < limited.free_at("f") <= 1.6, "a window after the one that has landed"


def test_of_messages_whose_answers_are_not_heard_the_usual_lateness_is_taken() -> None:
    limited = windows()
    limited.take("ann", 0.0, lands=False)
    assert limited.free_at("ann") > 1 + LATE_USUALLY


def test_a_group_is_told_twenty_times_a_minute_and_then_waits() -> None:
    limited, now = windows(), 0.0
    for _ in range(10):
        now = max(now, limited.free_at("#larks"))
        limited.take("#larks", now, lands=True)
        limited.landed("#larks", now)
    assert now < 20
    assert limited.free_at("#larks") >= 60
    assert limited.free_at("ann") < 20, "and nobody else does"


def test_a_rest_holds_what_it_names_and_nothing_else() -> None:
    limited = windows()
    limited.rest(30.0, "ann")
    assert (limited.free_at("ann"), limited.free_at("bob") <= 0) == (30.0, True)
    limited.rest(9.0)
    assert (limited.free_at("bob"), limited.free_at("ann")) == (9.0, 30.0)
    limited.rest(5.0)
    assert limited.free_at("bob") == 9.0, "a shorter one ends no longer one"


def test_who_takes_over_keeps_the_windows_and_rests_of_who_was_before() -> None:
    before, after = windows(), windows()
    for address in ("ann", "#larks", "#larks"):
        before.take(address, 100.0, lands=False)
    before.rest(130.0, "bob")
    memory = before.memory(100.5)
    after.recall(memory, 7.0)  # another clock, on which 7.0 is the same moment
    for address in ("ann", "bob", "#larks"):
        assert abs((after.free_at(address) - 7.0) - max(before.free_at(address) - 100.5, 0)) < 1.0, address
    assert after.free_at("bob") == 7.0 + 29.5


def test_after_a_holder_that_died_every_window_counts_as_full() -> None:
    limited = windows()
    limited.shut(50.0)
    assert 51 <= limited.free_at("ann") < 52
    assert 110 <= limited.free_at("#larks") < 111


def test_a_channel_without_limits_waits_for_nothing_and_remembers_nothing() -> None:
    limited = windows(Limits())
    for number in range(100):
        limited.take(str(number), 0.0, lands=True)
    assert limited.free_at("1") < 0 and limited.memory(0.0)["sent"] == {}


def test_addresses_that_are_free_again_are_forgotten() -> None:
    limited = windows()
    for number in range(12_000):
        limited.take(f"reader-{number}", float(number), lands=True)
        limited.landed(f"reader-{number}", float(number))
    assert len(limited._windows) <= 10_001
