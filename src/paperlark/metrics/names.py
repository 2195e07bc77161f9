"""Every metric that paperlark tells of. Names as Prometheus wants them: base units, `_total` for counters
(https://prometheus.io/docs/practices/naming/)."""

from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "histogram"]


class Metric(NamedTuple):
    """A metric: its name as it is told (a histogram's without its endings), its kind, its labels, and what it says."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    says: str


STORE_UP = Metric("paperlark_store_up", "gauge", (), "1 where the database told how everything stands, else 0")
OPEN = Metric("paperlark_outbox_deliveries", "gauge", ("channel",), "deliveries that are open")
DUE = Metric(
    "paperlark_outbox_due_deliveries",
    "gauge",
    ("channel",),
    "deliveries that are open and due, those that wait for a paused destination too",
)
OLDEST = Metric(
    "paperlark_outbox_oldest_seconds",
    "gauge",
    ("channel",),
    "for how long the delivery waits that is sent next; 0 where none could be sent",
)
DEAD = Metric("paperlark_dead_letters", "gauge", ("channel",), "deliveries that ended dead and are kept")
SILENT = Metric(
    "paperlark_silent_destinations",
    "gauge",
    ("channel", "reason"),
    "destinations that are told nothing: refused, returned, unconfirmed, or by their readers' wish",
)
CIRCUIT = Metric("paperlark_channel_circuit_open", "gauge", ("channel",), "1 where the channel is out of order")
RESTING = Metric("paperlark_channel_resting", "gauge", ("channel",), "1 where the platform asked us to wait")
LANE = Metric("paperlark_lane_held", "gauge", ("channel",), "1 where a process holds the channel's lane")
LEASES = Metric("paperlark_leases", "gauge", ("of",), "leases that are held: of deliveries, sources, batches")
UNPERCOLATED = Metric("paperlark_unpercolated_announcements", "gauge", (), "announcements that met no profile yet")
UNPERCOLATED_OLDEST = Metric(
    "paperlark_unpercolated_oldest_seconds", "gauge", (), "for how long the oldest of them waits; 0 where there is none"
)
SOURCES = Metric("paperlark_sources", "gauge", ("kind", "health"), "sources that are polled, by how they are")
OVERDUE = Metric(
    "paperlark_sources_overdue", "gauge", ("kind",), "sources without a good poll for more than two intervals"
)
NEWEST_POLL = Metric("paperlark_newest_good_poll_seconds", "gauge", ("kind",), "the age of the kind's newest good poll")
OLDEST_POLL = Metric(
    "paperlark_oldest_good_poll_seconds", "gauge", ("kind",), "the age of the last good poll where it is the oldest"
)
DELIVERIES = Metric(
    "paperlark_deliveries_total", "counter", ("channel", "outcome"), "deliveries: sent, dead, dropped, postponed"
)
POLLS = Metric(
    "paperlark_polls_total",
    "counter",
    ("kind", "result"),
    "polls: new, nothing_new, unchanged (a 304), asked_to_wait (a 429), failed",
)
ASKED_TO_WAIT = Metric(
    "paperlark_asked_to_wait_total", "counter", ("channel",), "answers of a platform that asked us to wait (429)"
)
RUN_OUT = Metric(
    "paperlark_leases_run_out_total", "counter", ("of",), "leases that were taken over: whoever had them fell silent"
)
DUE_TO_SENT = Metric(
    "paperlark_due_to_sent_seconds", "histogram", ("channel", "cadence"), "from a delivery's slot until it was sent"
)
ANNOUNCED_TO_SENT = Metric(
    "paperlark_announced_to_sent_seconds",
    "histogram",
    ("channel", "cadence"),
    "from the announcement of the oldest paper of a delivery until it was sent",
)
HTTP = Metric(
    "paperlark_http_answers_total", "counter", ("method", "route", "status"), "answers of this process, by route"
)
HTTP_SECONDS = Metric("paperlark_http_answer_seconds", "histogram", (), "how long this process's answers took")
LAG = Metric("paperlark_loop_lag_seconds", "histogram", (), "how late this process's event loop wakes who slept")
POOL = Metric(
    "paperlark_pool_connections", "gauge", ("state",), "this process's database connections: used, and at most"
)
MEMORY = Metric("process_resident_memory_bytes", "gauge", (), "this process's memory")
VERSION = Metric("paperlark_info", "gauge", ("version",), "1; which version this process runs")

METRICS = (STORE_UP, OPEN, DUE, OLDEST, DEAD, SILENT, CIRCUIT, RESTING, LANE, LEASES, UNPERCOLATED, UNPERCOLATED_OLDEST,
           SOURCES, OVERDUE, NEWEST_POLL, OLDEST_POLL, DELIVERIES, POLLS, ASKED_TO_WAIT, RUN_OUT, DUE_TO_SENT,
           ANNOUNCED_TO_SENT, HTTP, HTTP_SECONDS, LAG, POOL, MEMORY, VERSION)  # fmt: skip
"""All of them, as the README lists them; prometheus_client adds what else it knows of a process."""
