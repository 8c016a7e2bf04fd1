"""横展開: what an area has set up, without secrets, in one file; and the same set up for another area.

Platforms come with their mappings and options, agreements as proposals of the new area, KPIs as proposals in a project.
Addresses and credentials are each area's own, so the file leaves them open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from broker.identity.agreements.desk import Desk
from broker.identity.callers import Caller
from broker.registry.describe import describe
from broker.registry.enrolment import Enrolment
from broker.registry.inputs import read_platform
from broker.store.database import Database
from broker.store.ledger_events import enter
from broker.store.projects import Change, Projects
from schemas.agreement import Party
from schemas.agreement_terms import read_terms, to_document
from schemas.errors import AlreadyExists, BadRequestData
from schemas.kpi.definition import Word, read_definition
from schemas.kpi.document import encode
from schemas.kpi.life import State
from schemas.kpi.reading import dump, read

FORMAT = "kakehashi-area/1"
_OWN = (
    "id", "area", "endpoint", "credential", "state", "has_credential", "probe", "created_at", "modified_at", "version",
    "breaker", "problem",
)  # fmt: skip
"""Of a platform: what is an area's own, or of the gateway it is registered with."""
_Objects = Annotated[tuple[dict[str, Any], ...], Meta(max_length=1000)]


class AreaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    area: Word
    platforms: _Objects = ()
    agreements: _Objects = ()
    kpis: _Objects = ()


@dataclass(slots=True)
class Applied:
    """What was set up, by id. `skipped`: KPIs for which no project was named, or that it has already."""

    area: str
    platforms: list[str] = field(default_factory=list)
    agreements: list[str] = field(default_factory=list)
    kpis: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class Rollout:
    """Methods raise StoreUnavailable besides what they name."""

    def __init__(self, database: Database, enrolment: Enrolment, desk: Desk, projects: Projects) -> None:
        self._database = database
        self._enrolment = enrolment
        self._desk = desk
        self.projects = projects

    async def export(self, area: str) -> dict[str, Any]:
        """BadRequestData if the area has no platform."""
        mine = [p for p in await self._enrolment.store.all() if p.area == area]
        if not mine:
            raise BadRequestData("No platform of this area is registered.", field="area", value=area)
        agreements = [
            version.terms
            for one in await self._desk.store.all()
            if (version := one.approved) is not None and version.terms.provider_area == area
        ]
        return {
            "format": FORMAT,
            "area": area,
            "platforms": [
                {"id": p.id, "endpoint": "", **{k: v for k, v in describe(p).items() if k not in _OWN}} for p in mine
            ],
            "agreements": [
                {k: v for k, v in to_document(terms).items() if k not in ("provider_area", "geometry")}
                for terms in agreements
            ],
            "kpis": await self._kpis(area),
        }

    async def apply(
        self,
        document: object,
        area: str,
        caller: Caller,
        expand: Callable[[str], str],
        by: Change,
        *,
        project: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        vet: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> Applied:
        """Everything is read before anything is set up. Platforms are kept as unverified until they have a credential.
        `by`: who does it, and for which side its KPIs are proposed. `vet` refuses platforms that the caller may not
        register.

        BadRequestData names the member at fault, such as an address that is still open (`platforms[0].endpoint`);
        AlreadyExists for a platform that is registered already; NotFound for the project.
        """
        given = read(AreaFile, document)
        if given.format != FORMAT:
            raise BadRequestData(f"This is no {FORMAT} file.", field="format", value=given.format)
        names = {str(one.get("id")): renamed(str(one.get("id")), given.area, area) for one in given.platforms}
        platforms = [_platform(one, n, names, area, endpoints or {}) for n, one in enumerate(given.platforms)]
        for one in platforms:
            vet(one)
        terms = [_terms(one, names, area) for one in given.agreements]
        for one in terms:
            read_terms(one, expand)
        definitions = [read_definition(one) for one in given.kpis]
        there = {p.id for p in await self._enrolment.store.all()}
        for name in names.values():
            if name in there:
                raise AlreadyExists(f"There is a platform {name} already.", field="platforms", value=name)
        done = Applied(area)
        if project is not None:
            await self.projects.get(project)
        for one in platforms:
            done.platforms.append((await self._enrolment.add(one, force=True)).id)
        for one in terms:
            made = await self._desk.propose(caller, one, expand, party=Party.PROVIDER)
            done.agreements.append(made.id)
        held = set() if project is None else {v.definition.id for v in await self.projects.versions(project)}
        for definition in definitions:
            if project is None or definition.id in held:
                done.skipped.append(definition.id)
            else:
                await self.projects.propose(project, definition, replace(by, reason=f"rolled out from {given.area}"))
                done.kpis.append(definition.id)
        await self._record(given, done, project, by.actor)
        return done

    async def _record(self, given: AreaFile, done: Applied, project: str | None, actor: str) -> None:
        body = {
            "from": given.area,
            "file": hashlib.sha256(encode(dump(given))).hexdigest(),
            "project": project,
            "platforms": done.platforms,
            "agreements": done.agreements,
            "kpis": done.kpis,
        }
        async with self._database.transaction() as connection:
            await enter(connection, "area.applied", done.area, actor, body, now=datetime.now(UTC))

    async def _kpis(self, area: str) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for one in await self.projects.all():
            if area in one.project.areas:
                for version in await self.projects.versions(one.project.id):
                    if version.state is State.AGREED:
                        found[version.definition.id] = dump(version.definition) | {"valid_from": None}
        return [found[name] for name in sorted(found)]


def renamed(platform: str, old: str, new: str) -> str:
    """The id of the same platform in another area."""
    if old in platform:
        return platform.replace(old, new)
    return f"{platform}:{new}" if ":" in platform else f"{new}-{platform}"


def _platform(
    one: Mapping[str, Any], number: int, names: Mapping[str, str], area: str, endpoints: Mapping[str, str]
) -> dict[str, Any]:
    known = str(one.get("id"))
    endpoint = endpoints.get(known) or endpoints.get(names[known]) or one.get("endpoint") or ""
    if not endpoint and one.get("adapter") != "local":
        raise BadRequestData(
            "Where is this platform in the new area? Write it into the file, or give --endpoint ID=URL.",
            field=f"platforms[{number}].endpoint",
            value=known,
        )
    made = {**one, "id": names[known], "area": area, "endpoint": endpoint}
    read_platform(made)
    return made


def _terms(one: Mapping[str, Any], names: Mapping[str, str], area: str) -> dict[str, Any]:
    platforms = [names.get(str(name), name) for name in one.get("platforms") or ()]
    return {**one, "provider_area": area, **({"platforms": platforms} if platforms else {})}
