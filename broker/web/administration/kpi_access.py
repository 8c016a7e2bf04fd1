"""Who may do what with a project: its own people, the secretariat, the audit."""

from __future__ import annotations

from fastapi import Request

from broker.identity.callers import Caller, Callers
from broker.store.projects import Change
from broker.web.endpoint import fold
from schemas.errors import Forbidden, InvalidRequest
from schemas.kpi.life import Side
from schemas.kpi.project import Project
from schemas.roles import Role


class KpiAccess:
    """Raises Unauthorized (401) and Forbidden (403)."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def anybody(self, request: Request) -> None:
        """Refuses those who may see or change nothing here, before anything else is looked at."""
        if request.method in ("GET", "HEAD"):
            self.reader(request)
        else:
            self.writer(request)

    def reader(self, request: Request) -> Caller:
        """Somebody who may see at least some projects."""
        return self._callers.require(fold(request.headers.raw), Role.SECRETARIAT, Role.AUDITOR, Role.OPERATOR)

    def writer(self, request: Request) -> Caller:
        """Somebody who may change at least some projects."""
        return self._callers.require(fold(request.headers.raw), Role.SECRETARIAT, Role.OPERATOR)

    def secretariat(self, request: Request) -> Caller:
        return self._callers.require(fold(request.headers.raw), Role.SECRETARIAT)

    def sees(self, caller: Caller, project: Project) -> bool:
        return caller.may(Role.SECRETARIAT, Role.AUDITOR) or _own(caller, project)

    def change(self, caller: Caller, project: Project, side: str | None, reason: str = "") -> Change:
        """For whom it acts: the administration says so (`side`), everybody else is what their role makes them."""
        if caller.admin:
            try:
                chosen = Side(side or Side.SECRETARIAT.value)
            except ValueError:
                raise InvalidRequest("side is project or secretariat.", field="side", value=side) from None
        elif caller.may(Role.SECRETARIAT):
            chosen = Side.SECRETARIAT
        elif _own(caller, project):
            chosen = Side.PROJECT
        else:
            raise Forbidden("this project is somebody else's")
        if side is not None and side != chosen.value:
            raise Forbidden(f"this key acts for the side {chosen.value}", field="side", value=side)
        return Change(caller.consumer.service, chosen, reason)


def _own(caller: Caller, project: Project) -> bool:
    who = caller.consumer
    return who.project == project.id or (
        caller.may(Role.OPERATOR) and who.area is not None and who.area in project.areas
    )
