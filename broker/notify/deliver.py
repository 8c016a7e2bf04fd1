"""Sending a notification, by HTTP (clause 6.3.8) or MQTT (clause 7.2). Errors are those of `schemas.errors`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from adapters.exchange import Access, SourceContext
from adapters.mqtt import MqttPort
from adapters.upstream import Upstream
from broker.notify.index import Active
from schemas.errors import BadUpstream, Refused, Unavailable
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.notification import linked_by_header, mqtt_message
from schemas.ngsi_ld.subscription_endpoint import is_mqtt, mqtt_target, pairs

_ANSWER_BYTES = 1 << 20


class Delivery:
    """`seconds`: how long a receiver may take where its subscription does not say; `most`: whatever it says."""

    def __init__(self, upstream: Upstream, mqtt: MqttPort, *, seconds: float, most: float = 30.0) -> None:
        self._upstream = upstream
        self._mqtt = mqtt
        self._seconds = seconds
        self._most = most

    def patience(self, active: Active) -> float:
        """Seconds until a notification of this subscription counts as failed."""
        given = active.endpoint.get("timeout")
        return self._seconds if given is None else min(float(given) / 1000, self._most)

    async def send(self, active: Active, document: Mapping[str, Any], context: Context) -> None:
        """Returns when the receiver has taken it (2xx); raises a SourceError if not."""
        form = active.subscription.form
        info = pairs(active.endpoint.get("receiverInfo"))
        headers = {"Content-Type": form.accept}
        if linked_by_header(form):
            headers["Link"] = (context if context.url is not None else CORE).link_header()
        if active.key.tenant:
            headers["NGSILD-Tenant"] = active.key.tenant
        if is_mqtt(active.endpoint):
            message = orjson.dumps(mqtt_message(dict(document), headers | info))
            await self._mqtt.publish(mqtt_target(active.endpoint), message, seconds=self.patience(active))
            return
        given = {name.lower() for name in info}
        mine = {name: value for name, value in headers.items() if name.lower() not in given}
        deadline = asyncio.get_running_loop().time() + self.patience(active)
        ctx = SourceContext(deadline, access=Access(headers=info), budget=_ANSWER_BYTES)
        body = orjson.dumps(document)
        answer = await self._upstream.request(
            "POST",
            _address(str(active.endpoint["uri"])),
            ctx=ctx,
            headers=mine,
            body=body,
            again=True,
        )
        if answer.status >= 500:
            raise Unavailable(f"the receiver answered {answer.status}")
        if answer.status in (401, 403, 404, 405, 410):
            raise Refused(f"the receiver answered {answer.status}")
        if not 200 <= answer.status < 300:
            raise BadUpstream(f"the receiver answered {answer.status}")


def _address(uri: str) -> str:
    """With a scheme in lower case, as the port has it, and without a fragment, which is not sent."""
    scheme, colon, rest = uri.partition(":")
    return scheme.lower() + colon + rest.partition("#")[0]
