"""The routes of subscriptions."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Route

from broker.gateway.gateway import Gateway
from broker.gateway.notifying import Notifying
from broker.notify.remote import PATH
from broker.store.subscriptions import Kind
from broker.web.reading import Reader
from broker.web.subscriptions.handlers import PATHS, Box, SubscriptionApi
from broker.web.subscriptions.inbound import Inbound


def subscription_routes(
    route: Callable[..., list[Route]], notifying: Notifying, box: Box, reader: Reader, gateway: Gateway
) -> list[Route]:
    """Of both kinds, and where the copies at other sources notify."""
    inbound = Inbound(notifying.remote.received, reader)
    made: list[Route] = [*route(f"{PATH}{{token}}", "notifications", POST=inbound.receive)]
    for kind in Kind:
        api = SubscriptionApi(
            kind, notifying.store, box, reader, notifying.changed, notifying.settling, gateway.forward_via
        )
        path = f"/ngsi-ld/v1/{PATHS[kind]}"
        made += route(path, PATHS[kind], GET=api.query, POST=api.create)
        made += route(
            f"{path}/{{subscription_id:path}}",
            PATHS[kind].removesuffix("s"),
            GET=api.retrieve,
            PATCH=api.update,
            DELETE=api.delete,
        )
    return made
