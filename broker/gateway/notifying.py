"""Subscriptions and notifications of one worker, put together for the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from adapters.guard import Guard
from adapters.mqtt import MqttPort
from adapters.upstream import Upstream
from broker.contexts.loader import ContextLoader
from broker.gateway.gateway import Gateway
from broker.gateway.subscribed import SubscribedSources
from broker.identity.secrets import SecretBox
from broker.notify.capture import Capture
from broker.notify.compose import INITIAL, Composer
from broker.notify.deliver import Delivery
from broker.notify.dispatch import Dispatcher
from broker.notify.index import SubscriptionIndex
from broker.notify.remote import RemoteKeeper
from broker.settings import Settings
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.outbox import Outbox
from broker.store.platforms import Platforms
from broker.store.remote_subscriptions import RemoteSubscriptions
from broker.store.subscriptions import Key, Kind, SubscriptionStore
from schemas.flow import Provider

_MOMENT = 0.05


@dataclass(frozen=True, slots=True)
class Notifying:
    """Started by a server only: the command line leaves what it causes to the workers."""

    store: SubscriptionStore
    index: SubscriptionIndex
    dispatcher: Dispatcher
    outbox: Outbox
    remote: RemoteKeeper

    def start(self) -> None:
        self.dispatcher.start()
        self.remote.start()

    async def stop(self) -> None:
        await self.remote.stop()
        await self.dispatcher.stop()

    async def settling(self, key: Key) -> None:
        """Whoever has just been notified and looks at once finds it counted."""
        await self.dispatcher.settling(key, _MOMENT)

    async def changed(self, key: Key) -> None:
        """A subscription was made or changed: this worker sees it at once, the others by the feed. One to registrations
        is told of all that fit, from when it will be told of every change (clauses 5.11.2.4, 5.11.3.4)."""
        await self.index.load()
        if key.kind is Kind.REGISTRATIONS and self.index.get(key) is not None:
            await self.outbox.put(key, INITIAL)
        self.dispatcher.nudge([key])


def make_notifying(
    settings: Settings,
    database: Database,
    entities: Entities,
    platforms: Platforms,
    box: SecretBox,
    contexts: ContextLoader,
    upstream: Upstream,
    guard: Guard,
    gateway: Gateway,
    local: Provider,
) -> Notifying:
    """From now on changes of entities and of platforms are captured."""
    store = SubscriptionStore(database)
    index = SubscriptionIndex(store, box)
    outbox = Outbox(database, uuid4())
    composer = Composer(
        SubscribedSources(gateway, local, open_access=settings.open_access),
        platforms,
        contexts.build,
        contexts.addressed,
    )
    mqtt = MqttPort(guard, ca_file=settings.ca_file or None)
    delivery = Delivery(upstream, mqtt, seconds=settings.notify_timeout_ms / 1000)
    dispatcher = Dispatcher(index, outbox, composer, delivery)
    capture = Capture(index, dispatcher.nudge)
    entities.on_change(capture.entities)
    platforms.on_change(capture.registration)
    remote = RemoteKeeper(
        index,
        gateway.registry,
        RemoteSubscriptions(database),
        outbox,
        dispatcher.nudge,
        gateway.forward_via,
        public_url=settings.public_url,
        open_access=settings.open_access,
    )
    return Notifying(store, index, dispatcher, outbox, remote)
