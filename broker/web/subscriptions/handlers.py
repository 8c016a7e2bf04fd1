"""`/subscriptions` and `/csourceSubscriptions` (clauses 5.8, 5.11, 6.10 to 6.13)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import quote

import orjson

from broker.identity.callers import Caller
from broker.store.subscriptions import Draft, Key, Kind, StoredSubscription, SubscriptionStore, aad
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.paging import page_links
from broker.web.protocol import LOCATION
from broker.web.reading import Reader, base_url, tenant
from broker.web.subscriptions.paging import page_of
from schemas.errors import BadRequestData, InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.notification import context_value
from schemas.ngsi_ld.subscription import parse
from schemas.ngsi_ld.subscription_input import Json, apply_fragment, read_subscription
from schemas.ngsi_ld.subscription_view import instant, show

PATHS: Final = {Kind.ENTITIES: "subscriptions", Kind.REGISTRATIONS: "csourceSubscriptions"}
_PREFIX: Final = "urn:ngsi-ld:Subscription:"


class Box(Protocol):
    """What is needed of `broker.identity.secrets.SecretBox`."""

    def seal(self, secret: Mapping[str, Any], aad: str) -> bytes: ...
    def open(self, sealed: bytes, aad: str) -> dict[str, Any]: ...


class SubscriptionApi:
    """The handlers of one kind. A service sees its own subscriptions, the administration all: an endpoint may carry
    credentials. `changed` is told of each that was made, changed or taken away; `settling` returns when what is being
    delivered is counted, or takes long; `passed` raises LoopDetected for a Via header that names this gateway."""

    def __init__(
        self,
        kind: Kind,
        store: SubscriptionStore,
        box: Box,
        reader: Reader,
        changed: Callable[[Key], Awaitable[None]],
        settling: Callable[[Key], Awaitable[None]],
        passed: Callable[[str | None, str], object],
    ) -> None:
        self._kind = kind
        self._store = store
        self._box = box
        self._reader = reader
        self._changed = changed
        self._settling = settling
        self._passed = passed

    async def create(self, call: Call) -> Reply:
        """`POST`: 201 with the address in Location."""
        caller = self._reader.caller(call)
        self._parameters(call)
        via = call.header(b"via")
        # a copy that has been here would come back for ever: LoopDetected
        self._passed(via, tenant(call))
        given, context = await self._reader.document(call)
        document = read_subscription(given, context, now=call.arrival)
        document.setdefault("id", _PREFIX + secrets.token_hex(16))
        key = Key(tenant(call), self._kind, document["id"])
        if (url := document.get("jsonldContext")) is not None:
            # not available, or no context: clause 5.8.1.4
            await self._reader.contexts.get(url)
        elif context.url is None or self._kind is Kind.ENTITIES:
            # it is that of the notifications (clause 5.8.1.4); an inline one is served from now on (clause 5.13.1)
            document["jsonldContext"] = (await self._reader.addressed(call, context)).url
        draft = self._draft(key, document, context, base_url(call, self._reader.public_url))
        await self._store.create(key, draft, caller.consumer.service, asdict(caller.consumer), via)
        await self._changed(key)
        location = f"/ngsi-ld/v1/{PATHS[self._kind]}/{quote(key.subscription, safe=':')}"
        return Reply(201, b"", [(LOCATION, location.encode())])

    async def query(self, call: Call) -> Reply:
        """`GET`: in order of creation; `limit`, `offset`, `count`, `options=sysAttrs`."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._parameters(call, "limit", "offset", "count", "options")
        page = page_of(params)
        owner = None if caller.admin else caller.consumer.service
        found, total = await self._store.page(tenant(call), self._kind, owner, limit=page.limit, offset=page.offset)
        rows = [self._shown(one, context, call, params) for one in found]
        reply = _answer(rows, context, media)
        if page.count:
            reply.headers.append((b"ngsild-results-count", str(total).encode()))
        more = page.offset + page.limit < total
        reply.headers += page_links(call, offset=page.offset, limit=page.limit, more=more, media=media)
        return reply

    async def retrieve(self, call: Call) -> Reply:
        """`GET` of one."""
        caller = self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        context = await self._reader.context(call)
        params = self._parameters(call, "options")
        await self._settling(self._key(call))
        return _answer(self._shown(await self._own(call, caller), context, call, params), context, media)

    async def update(self, call: Call) -> Reply:
        """`PATCH`: members that are given replace those that are there, null takes one away."""
        caller = self._reader.caller(call)
        self._parameters(call)
        key = self._key(call)
        given, context = await self._reader.document(call)
        await self._own(call, caller)
        base = base_url(call, self._reader.public_url)
        if isinstance(given, dict) and is_uri(url := given.get("jsonldContext")):
            await self._reader.contexts.get(url)

        def decide(current: StoredSubscription) -> Draft:
            whole = {**current.document, "notification": self._notification(current)}
            document = apply_fragment(whole, given, context, now=call.arrival)
            draft = self._draft(key, document, context, base)
            # the @context of notifications is that of the subscription, not of those who change it
            return Draft(draft.document, draft.sealed, current.context, current.base)

        await self._store.change(key, decide)
        await self._changed(key)
        return Reply(204)

    async def delete(self, call: Call) -> Reply:
        """`DELETE`: 204, and no more notifications."""
        caller = self._reader.caller(call)
        self._parameters(call)
        await self._own(call, caller)
        key = self._key(call)
        await self._store.delete(key)
        await self._changed(key)
        return Reply(204)

    # --- parts ----------------------------------------------------------------------------------------------------

    def _draft(self, key: Key, document: Json, context: Context, base: str) -> Draft:
        # what can't be matched later must be refused now
        parse(key.tenant, document)
        notification = dict(document["notification"])
        endpoint = notification.pop("endpoint")
        sealed = self._box.seal(endpoint, aad(key))
        return Draft({**document, "notification": notification}, sealed, context.document(), base)

    def _notification(self, stored: StoredSubscription) -> Json:
        return {**stored.document["notification"], "endpoint": self._box.open(stored.sealed, aad(stored.key))}

    def _shown(self, stored: StoredSubscription, context: Context, call: Call, params: Mapping[str, str]) -> Json:
        document = {**stored.document, "notification": self._notification(stored)}
        row = show(document, stored.delivered, context, datetime.now(UTC), triggers=self._kind is Kind.ENTITIES)
        if "sysAttrs" in params.get("options", "").split(","):
            row |= {"createdAt": instant(stored.created_at), "modifiedAt": instant(stored.modified_at)}
        return row

    async def _own(self, call: Call, caller: Caller) -> StoredSubscription:
        key = self._key(call)
        stored = await self._store.get(key)
        if not caller.admin and stored.owner != caller.consumer.service:
            raise NotFound("there is no such subscription", field="id", value=key.subscription, clause="5.8")
        return stored

    def _key(self, call: Call) -> Key:
        given = call.path["subscription_id"]
        if not is_uri(given):
            raise BadRequestData("the id of a subscription is a URI", field="id", value=given, clause="5.8.3.4")
        return Key(tenant(call), self._kind, given)

    def _parameters(self, call: Call, *known: str) -> dict[str, str]:
        params = self._reader.parameters(call)
        for name in params:
            if name not in known and name != "local":
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        for option in filter(None, params.get("options", "").split(",")):
            if option != "sysAttrs":
                raise InvalidRequest("no such option", field="options", value=option, clause="6.3.20")
        return params


def _answer(body: Any, context: Context, media: Media) -> Reply:
    headers: Headers = [(b"content-type", media.encode())]
    if media is Media.JSONLD:
        for row in body if isinstance(body, list) else [body]:
            row["@context"] = context_value(context)
    else:
        headers.append((b"link", context.link_header().encode("latin-1")))
    return Reply(200, orjson.dumps(body), headers)
