"""The dashboard and the alerts: each asks for metrics that there are, in Prometheus's own language."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from paperlark.metrics.names import METRICS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
ENDINGS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
TOLD = {metric.name + ending: metric for metric in METRICS for ending in ENDINGS[metric.kind]}

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "paperlark.json").read_text(encoding="utf-8"))


def asked_by_the_board() -> Iterator[str]:
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:paperlark|process)_\w+", expression))


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in RULES), *asked_by_the_board()])
def test_every_expression_is_prometheus_and_asks_for_metrics_that_there_are(expression: str) -> None:
    promql_parser.parse(expression)
    assert named(expression) and named(expression) <= set(TOLD)
    labels = {label for name in named(expression) for label in (*TOLD[name].labels, "le", "instance")}
    used = {word.strip() for group in re.findall(r"by \((.*?)\)", expression) for word in group.split(",")}
    assert used <= labels


def test_the_parser_would_notice_a_slip() -> None:
    with pytest.raises(ValueError):
        promql_parser.parse("max by channel (paperlark_outbox_oldest_seconds) >")


def test_four_alerts_each_say_what_is_the_matter_and_what_to_do() -> None:
    assert {rule["alert"] for rule in RULES} == {
        "PaperlarkOutboxStuck",
        "PaperlarkNoGoodPoll",
        "PaperlarkDeadLetters",
        "PaperlarkChannelOutOfOrder",
    }
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert any(label in TOLD[name].labels for name in named(rule["expr"]))


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*map(named, asked_by_the_board()))
    assert {name for name, metric in TOLD.items() if metric.kind != "histogram"} <= shown
    for metric in METRICS:
        assert metric.kind != "histogram" or f"{metric.name}_bucket" in shown


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    squares = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(squares) == len(set(squares)) and max(x for x, _ in squares) < 24
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_every_metric_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [metric.name for metric in METRICS if f"`{metric.name}" not in readme] == []
