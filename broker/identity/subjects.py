"""Subjects of client certificates, which a trusted proxy has verified and passed on: whom they say is asking.

That the proxy passed it is decided before (`broker/web/proxied.py`). A service that is registered under the name is
taken as it is registered; what the subject says beside that must not contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.identity.callers import Caller, callers_of
from broker.identity.tokens import LONGEST_NAME
from broker.settings import Settings
from broker.store.services import Service
from schemas.distinguished_name import Subject, read_subject
from schemas.errors import Unauthorized
from schemas.flow import NO_SERVICES, Consumer
from schemas.roles import Role

_KEPT = 4096


def subjects_of(settings: Settings) -> Subjects | None:
    """The reader of subjects, if a proxy passes them."""
    if not settings.mtls_header:
        return None
    types = dict(part.split("=", 1) for part in settings.mtls_subject.lower().split(","))
    return Subjects(types, settings.oidc_role_prefix)


class Subjects:
    """What was read once stays read until a service changes."""

    def __init__(self, types: Mapping[str, str], role_prefix: str) -> None:
        self._types = types
        self._prefix = role_prefix
        self._services: dict[str, Service] = {}
        self._known: dict[bytes, tuple[Caller, Caller]] = {}

    def replace(self, services: Mapping[str, Service]) -> None:
        """Take over the services that are registered now, by id."""
        self._services = dict(services)
        self._known.clear()

    def caller(self, raw: bytes) -> tuple[Caller, Caller]:
        """Who is asking, by itself and in a batch. Unauthorized says what is wrong with the subject."""
        known = self._known.get(raw)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[raw] = self._made(raw)
        return known

    def _made(self, raw: bytes) -> tuple[Caller, Caller]:
        try:
            subject = read_subject(raw)
        except ValueError as e:
            raise _refused(str(e)) from None
        name = self._one(subject, "service")
        if name is None or name in NO_SERVICES:
            raise _refused("it names no service")
        said = Consumer(
            name, self._one(subject, "organisation"), self._one(subject, "project"), self._one(subject, "area")
        )
        registered = self._services.get(name)
        if registered is None:
            return callers_of(said, self._roles(subject))
        if registered.disabled:
            raise _refused("the service is disabled")
        consumer = registered.consumer
        for part in ("organisation", "project", "area"):
            told, known = getattr(said, part), getattr(consumer, part)
            if told is not None and known is not None and told != known:
                raise _refused(f"the service is registered for another {part}")
        return callers_of(consumer, registered.roles)

    def _one(self, subject: Subject, part: str) -> str | None:
        values = subject.get(self._types.get(part, ""), ())
        if len(values) > 1:
            raise _refused(f"it has several values for the {part}")
        if values and len(values[0]) > LONGEST_NAME:
            raise _refused(f"the {part} is too long")
        return values[0] if values else None

    def _roles(self, subject: Subject) -> frozenset[Role]:
        names = subject.get(self._types.get("roles", ""), ())
        return frozenset(r for r in Role if f"{self._prefix}{r.value}" in names) or frozenset({Role.SERVICE})


def _refused(why: str) -> Unauthorized:
    return Unauthorized(f"the subject of this certificate is not taken: {why}")
