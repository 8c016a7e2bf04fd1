"""Names of the operations that a registration may offer, and of their groups (clause 4.20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PROVISION: Final = frozenset(
    {
        *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity"),
        *("createBatch", "upsertBatch", "updateBatch", "deleteBatch", "mergeBatch"),
        *("mergeEntity", "replaceEntity", "replaceAttrs", "purgeEntity"),
        *("upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal"),
        *("deleteAttrInstanceTemporal", "deleteTemporal"),
    }
)
_DISCOVERY: Final = frozenset(
    {
        *("retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo"),
        *("retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo"),
    }
)
_SUBSCRIPTION: Final = frozenset(
    {"createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription"}
)
_ENTITY_MAPS: Final = frozenset(
    {"retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity"}
)
_IDENTITY: Final = "retrieveContextSourceIdentity"
_ASSOCIATION: Final = frozenset({"retrieveEntity", "queryEntity", "queryBatch", _IDENTITY}) | _DISCOVERY | _SUBSCRIPTION

OPERATIONS: Final = (
    PROVISION
    | _ASSOCIATION
    | _ENTITY_MAPS
    | frozenset({"retrieveTemporal", "queryTemporal", "createEntityMapQueryTemporal"})
)
GROUPS: Final = {
    "federationOps": _ASSOCIATION | _ENTITY_MAPS,
    "associationOps": _ASSOCIATION,
    "updateOps": frozenset({"updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs"}),
    "retrieveOps": frozenset({"retrieveEntity", "queryEntity"}),
    "redirectionOps": frozenset(
        {
            *("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity"),
            *("mergeEntity", "replaceEntity", "replaceAttrs", "retrieveEntity", "queryEntity", "purgeEntity"),
            _IDENTITY,
        }
    )
    | _DISCOVERY
    | _ENTITY_MAPS,
}
DEFAULT: Final = GROUPS["federationOps"]
AUXILIARY: Final = frozenset({"retrieveOps", "retrieveEntity", "queryEntity"})
"""What an auxiliary registration may name (clause 5.9.2.4)."""
RETRIEVING: Final = frozenset({"retrieveEntity", "queryEntity", "queryBatch"})
"""Each of them is enough to have one entity."""
QUERYING: Final = frozenset({"queryEntity", "queryBatch"})


def offered(names: Iterable[str]) -> frozenset[str]:
    """The operations that these names, of operations and groups, stand for; without any: `federationOps`."""
    found: set[str] = set()
    for name in names:
        found |= GROUPS.get(name, frozenset((name,)))
    return frozenset(found) or DEFAULT
