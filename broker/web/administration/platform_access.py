"""Who may do what with a platform: the administration everything, an operator what belongs to its own area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from broker.identity.callers import Caller, Callers
from broker.web.endpoint import fold
from schemas.errors import BadRequestData, Forbidden
from schemas.platform import Mode, Platform
from schemas.roles import Role

_READERS = (Role.OPERATOR, Role.SECRETARIAT, Role.AUDITOR)
_SHARED_MODES = (Mode.INCLUSIVE.value, Mode.AUXILIARY.value)


class PlatformAccess:
    """Raises Unauthorized (401) and Forbidden (403)."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def anybody(self, request: Request) -> None:
        """Refuses those who may see or change nothing here, before anything else is looked at."""
        caller = self.caller(request)
        if not caller.may(*(_READERS if request.method in ("GET", "HEAD") else (Role.OPERATOR,))):
            self._callers.administer(fold(request.headers.raw))

    def caller(self, request: Request) -> Caller:
        return self._callers.identify(fold(request.headers.raw))

    def sees(self, caller: Caller, platform: Platform) -> bool:
        return caller.may(Role.SECRETARIAT, Role.AUDITOR) or _own(caller, platform.area)

    def read(self, caller: Caller, platform: Platform) -> None:
        if not self.sees(caller, platform):
            raise Forbidden("this platform is another area's")

    def write(self, caller: Caller, platform: Platform) -> None:
        if not caller.admin and not (Role.OPERATOR in caller.roles and _own(caller, platform.area)):
            raise Forbidden("this platform is another area's")

    def operates(self, caller: Caller, area: str) -> bool:
        """Whether the area is the caller's to administer."""
        return _own(caller, area)

    def given(self, caller: Caller, document: Any, *, new: bool = False) -> None:
        """What an operator registers or changes is of its own area, and takes nothing from others: no mode that keeps
        them from being asked, no other tenant's entities, no file of this machine."""
        if caller.admin:
            return
        if not isinstance(document, Mapping):
            raise BadRequestData("a platform is a JSON object", field="body")
        if (new or "area" in document) and not _own(caller, document.get("area")):
            raise Forbidden("an operator registers platforms of its own area", field="area")
        if document.get("mode", Mode.INCLUSIVE.value) not in (*_SHARED_MODES, None):
            raise Forbidden("this mode is the administration's to give", field="mode")
        if document.get("adapter") == "local" or document.get("registry_tenant"):
            raise Forbidden("the local store and its tenants are the administration's", field="adapter")
        endpoint = document.get("endpoint")
        if isinstance(endpoint, str) and not endpoint.lower().startswith(("http://", "https://")):
            raise Forbidden("an operator registers platforms by http or https", field="endpoint")


def _own(caller: Caller, area: Any) -> bool:
    return caller.admin or (
        Role.OPERATOR in caller.roles and caller.consumer.area is not None and area == caller.consumer.area
    )
