"""What the path of a temporal operation names: entity, attribute, instance."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes
from uuid import UUID

from broker.web.endpoint import Call
from schemas.errors import BadRequestData, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.names import is_name, is_uri
from schemas.ngsi_ld.temporal import INSTANCE

_EVOLUTIONS = b"/ngsi-ld/v1/temporal/entities/"


@dataclass(frozen=True, slots=True)
class Target:
    """`attribute` and `instance` are "" where the path has none."""

    entity: str
    attribute: str = ""
    instance: str = ""

    def attribute_iri(self, context: Context) -> str:
        """BadRequestData if it is no name."""
        if not is_name(self.attribute) or self.attribute in ("id", "type"):
            raise BadRequestData(
                "the name of an attribute has letters, numbers and _, and a letter first",
                field="attrId",
                value=self.attribute,
                clause="4.6.2",
            )
        return "scope" if self.attribute == "scope" else context.expand(self.attribute)

    def instance_name(self) -> str:
        """The instanceId. BadRequestData if it is no URI."""
        if not is_uri(self.instance):
            raise BadRequestData("an instanceId is a URI", field="instanceId", value=self.instance, clause="5.6.14")
        return self.instance

    def instance_id(self) -> UUID:
        """NotFound if it is none of ours. BadRequestData if it is no URI."""
        try:
            return UUID(self.instance_name().removeprefix(INSTANCE))
        except ValueError:
            raise NotFound("there is no such instance", field="instanceId", value=self.instance) from None


def target(call: Call, prefix: bytes = _EVOLUTIONS) -> Target:
    """Taken from the path as it was sent: an encoded slash belongs to a name. BadRequestData if the id is no URI."""
    raw: bytes = call.scope.get("raw_path") or call.scope["path"].encode()
    raw = raw.partition(b"?")[0]
    entity, marked, rest = raw[len(prefix) :].rpartition(b"/attrs/")
    if not marked:
        entity, rest = rest, b""
        if entity.rstrip(b"/").endswith(b"/attrs"):
            entity = entity.rstrip(b"/").removesuffix(b"/attrs")
    name = _text(entity)
    if not is_uri(name):
        raise BadRequestData("an entity id is a URI", field="id", value=name, clause="5.6.12")
    attribute, instance = rest, b""
    # an IRI that was not encoded has slashes of its own
    if b"/" in rest and (rest.count(b"/") == 1 or INSTANCE.encode() in rest):
        attribute, _, instance = rest.rpartition(b"/")
    return Target(name, _text(attribute), _text(instance))


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw).decode("utf-8", "replace")
