"""/metrics in Prometheus form: requests, sources, breakers, settlement. No label ever holds a query value.

Of several workers each answers for itself; `KAKEHASHI`'s workers share a directory (prometheus_client's multi-process
mode), which `kakehashi serve --workers` sets up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.notify.dispatch import Dispatcher
from broker.registry.breaker import BreakerState
from broker.registry.registry import Registry

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class Metrics:
    """Of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._own = CollectorRegistry()
        """What a worker can only tell of itself."""
        requests = Counter("kakehashi_requests", "Requests answered", ["route", "status"], registry=self._registry)
        seconds = Histogram(
            "kakehashi_request_seconds", "Time to answer", ["route"], registry=self._registry, buckets=_BUCKETS
        )
        self._requests = requests
        self._seconds = seconds
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, registry: Registry, settler: Settler, sequencer: Sequencer) -> None:
        """Show these, too, from now on."""
        self._own.register(_Sources(registry))
        self._own.register(_Settlement(settler))
        self._own.register(_Ledger(sequencer))

    def notifications(self, dispatcher: Dispatcher) -> None:
        """Show these, too, from now on."""
        self._own.register(_Notifications(dispatcher))

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answer. On the hot path: the labelled children are kept."""
        child = self._children.get((route, status))
        if child is None:
            child = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._children[(route, status)] = child
        child[0].inc()
        child[1].observe(seconds)

    def render(self) -> bytes:
        """The exposition text: of all workers where they share a directory, with this worker's sources."""
        counted = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            counted = CollectorRegistry()
            counted.register(_AllWorkers())
        return generate_latest(counted) + generate_latest(self._own)


class _AllWorkers(Collector):
    """What the workers have written into the directory that they share."""

    def collect(self) -> Iterable[Metric]:
        collected: Iterable[Metric] = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        return collected


class _Sources(Collector):
    def __init__(self, registry: Registry) -> None:
        self._sources = registry

    def collect(self) -> list[Metric]:
        asked = CounterMetricFamily("kakehashi_source_questions", "Times a source was asked", labels=["platform"])
        failed = CounterMetricFamily("kakehashi_source_failures", "Times it failed", labels=["platform"])
        state = GaugeMetricFamily(
            "kakehashi_source_breaker", "Breaker: 0 closed, 1 trial under way, 2 open", labels=["platform"]
        )
        last = GaugeMetricFamily("kakehashi_source_last_seconds", "Time of its last answer", labels=["platform"])
        for source in self._sources.sources():
            name = [source.id]
            asked.add_metric(name, source.tally.asked)
            failed.add_metric(name, source.tally.failed)
            state.add_metric(name, _STATES[source.breaker.state])
            last.add_metric(name, source.tally.last_ms / 1000)
        return [asked, failed, state, last]


class _Settlement(Collector):
    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    def collect(self) -> list[Metric]:
        lag = GaugeMetricFamily("kakehashi_settlement_lag_seconds", "Wait of the oldest request in the last commit")
        lag.add_metric([], self._settler.lag)
        pending = GaugeMetricFamily("kakehashi_settlement_pending", "Requests that wait for their commit")
        pending.add_metric([], self._settler.pending)
        flows = CounterMetricFamily("kakehashi_settled_flows", "Flows committed")
        flows.add_metric([], self._settler.flows)
        failed = CounterMetricFamily("kakehashi_settlement_failures", "Requests refused since nothing could be written")
        failed.add_metric([], self._settler.failed)
        return [lag, pending, flows, failed]


class _Notifications(Collector):
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def collect(self) -> list[Metric]:
        sent = CounterMetricFamily("kakehashi_notifications_sent", "Notifications that their receivers took")
        sent.add_metric([], self._dispatcher.sent)
        failed = CounterMetricFamily("kakehashi_notifications_failed", "Notifications that failed")
        failed.add_metric([], self._dispatcher.failed)
        waiting = GaugeMetricFamily("kakehashi_notifications_waiting", "Notifications in the outbox at the last look")
        waiting.add_metric([], self._dispatcher.waiting)
        return [sent, failed, waiting]


class _Ledger(Collector):
    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer

    def collect(self) -> list[Metric]:
        leads = GaugeMetricFamily("kakehashi_ledger_leads", "1 in the worker that numbers and signs the ledger")
        leads.add_metric([], self._sequencer.leads)
        lag = GaugeMetricFamily("kakehashi_ledger_lag_seconds", "Wait of the oldest flow that is not in the ledger")
        size = GaugeMetricFamily("kakehashi_ledger_entries", "Entries of the ledger")
        signed = GaugeMetricFamily("kakehashi_ledger_signed_entries", "Entries under the newest checkpoint")
        # what the others know of it is old
        if self._sequencer.leads:
            lag.add_metric([], self._sequencer.lag)
            size.add_metric([], self._sequencer.size)
            signed.add_metric([], self._sequencer.signed)
        return [leads, lag, size, signed]
