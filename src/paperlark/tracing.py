"""Spans: how long a poll, a batch, a message, a request took, told to an OpenTelemetry collector.

Off unless `set_up` was called: then `span` costs a look at a variable. The extra `otel` brings the library; what else
it can be told (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`) it reads from the environment
by itself (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Attributes are kinds and
numbers; of a fault only its type is told, for its words may name an address.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

Attribute = str | int | float | bool

_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None


def set_up(endpoint: str, *, exporter: "SpanExporter | None" = None) -> bool:
    """From now on spans go to the collector at `endpoint` (its base, by OTLP over HTTP), in batches, from a thread of
    the library's. exporter: in its place. False where the extra `otel` is not installed."""
    global _tracer, _provider
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return False
    end()
    about = Resource({"service.name": "paperlark", "service.version": version("paperlark")})
    # What the environment says of us goes before.
    _provider = TracerProvider(resource=about.merge(OTELResourceDetector().detect()))
    told = exporter or OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(told))
    _tracer = _provider.get_tracer("paperlark", version("paperlark"))
    return True


def end() -> None:
    """Tell what was not told yet, and no more. Waits for the collector, for some seconds at most."""
    global _tracer, _provider
    _tracer, provider, _provider = None, _provider, None
    if provider is not None:
        provider.shutdown()


def span(name: str, **attributes: Attribute) -> AbstractContextManager[None]:
    """What happens within belongs to a span of this name; spans within it are its children."""
    return nullcontext() if _tracer is None else _span(_tracer, name, attributes)


def note(**attributes: Attribute) -> None:
    """Add to the present span what is known by now."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(attributes)


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: dict[str, Attribute]) -> Iterator[None]:
    from opentelemetry.trace import Status, StatusCode

    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as mine:
        try:
            yield
        except BaseException as fault:  # what was cancelled did not end well either; nothing is caught here
            mine.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise
