"""Parameters of query, path and head that the documented operations share: OpenAPI 3.1 components, as data."""

from __future__ import annotations

from broker.web.openapi.consumption import CONSUMPTION_PARAMETERS
from broker.web.openapi.contexts import CONTEXT_PARAMETERS
from broker.web.openapi.entity_maps import ENTITY_MAP_PARAMETERS
from broker.web.openapi.model import Json, query_parameter
from broker.web.openapi.provision import PROVISION_PARAMETERS
from broker.web.openapi.subscriptions import SUBSCRIPTION_PARAMETERS
from broker.web.openapi.temporal import TEMPORAL_PARAMETERS

_REGISTRATION = "urn:ngsi-ld:ContextSourceRegistration:takeshiba"
_ID = "urn:ngsi-ld:EvacuationShelter:13103-0001"


def _header(name: str, ja: str, description: str, schema: Json, example: str | None = None) -> Json:
    return query_parameter(name, ja, description, schema, example) | {"in": "header"}


def _path(name: str, ja: str, description: str, example: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "x-description-ja": ja,
        "schema": {"type": "string", "minLength": 1},
        "example": example,
    }


def _names(example: str) -> Json:
    return {"type": "string", "minLength": 1, "examples": [example]}


_FLAG: Json = {"type": "boolean", "default": False}
_TEXT: Json = {"type": "string", "minLength": 1}
_LIMIT: Json = {"type": "integer", "minimum": 0, "maximum": 1000, "default": 20}
_OFFSET: Json = {"type": "integer", "minimum": 0, "maximum": 1_000_000_000, "default": 0}
_FORMATS = ["normalized", "concise", "simplified", "keyValues"]

PARAMETERS: dict[str, Json] = {
    **CONSUMPTION_PARAMETERS,
    "id": query_parameter("id", "エンティティID（コンマ区切り）", "Entity ids, comma-separated URIs.", _TEXT, _ID),
    "type": query_parameter(
        "type",
        "型の選択（4.17節）。「,」と「|」はまたは、「;」はかつ。「*」はローカルストアのすべて",
        "Type selection (clause 4.17): `,` and `|` are or, `;` is and. `*`: all of the local store.",
        _TEXT,
        "EvacuationShelter",
    ),
    "idPattern": query_parameter(
        "idPattern", "IDに対する正規表現（RE2）", "A regular expression (RE2) on ids.", _TEXT, "^urn:ngsi-ld:Evac"
    ),
    "attrs": query_parameter(
        "attrs",
        "属性名（コンマ区切り）。いずれかを持つエンティティに絞り、その属性だけを返す",
        "Attribute names: entities that have one of them, with these attributes only. Not together with `pick`.",
        _names("name,location"),
        "name,location",
    ),
    "pick": query_parameter(
        "pick",
        "返す項目（4.21節）",
        "Members to give (clause 4.21); may name id, type and scope.",
        _names("id,type,name"),
        "id,type,name",
    ),
    "omit": query_parameter(
        "omit", "返さない項目（4.21節）", "Members to leave out (clause 4.21).", _names("scope"), "scope"
    ),
    "q": query_parameter(
        "q",
        "属性値による絞り込み（4.9節の文法すべて）",
        "Filter on attributes: the whole grammar of clause 4.9.",
        _TEXT,
        "capacity>=100",
    ),
    "georel": query_parameter(
        "georel",
        "位置関係（4.10節）。nearはメートル単位の距離を伴う。geometryとcoordinatesが必要",
        "Geographic relation (clause 4.10): near;maxDistance==M, near;minDistance==M (metres), within, contains, "
        "intersects, equals, disjoint, overlaps. Needs geometry and coordinates.",
        _TEXT,
        "near;maxDistance==1000",
    ),
    "geometry": query_parameter(
        "geometry",
        "基準となる図形の種類",
        "Kind of the reference geometry.",
        {
            "type": "string",
            "enum": ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"],
        },
        "Point",
    ),
    "coordinates": query_parameter(
        "coordinates",
        "基準となる図形の座標（JSON配列、経度・緯度の順）",
        "Coordinates of the reference geometry as JSON: longitude before latitude, WGS 84.",
        _TEXT,
        "[139.7565,35.6554]",
    ),
    "geoproperty": query_parameter(
        "geoproperty",
        "位置の属性（既定はlocation）",
        "The GeoProperty that is compared.",
        {"type": "string", "default": "location"},
        "location",
    ),
    "limit": query_parameter(
        "limit",
        "1ページの件数（0～1000、既定20）。0はcount=trueのときだけ",
        "Entities a page; 0 only with count=true.",
        _LIMIT,
        20,
    ),
    "offset": query_parameter("offset", "読み飛ばす件数", "Entities to skip, in order of id.", _OFFSET, 0),
    "count": query_parameter(
        "count",
        "trueでNGSILD-Results-Countに全件数を返す",
        "true: NGSILD-Results-Count has the number of distinct matches.",
        _FLAG,
        True,
    ),
    "options": query_parameter(
        "options",
        "normalized、concise、simplified（keyValues）、sysAttrs、count、provenance（各属性の提供元と問い合わせ時刻）のコンマ区切り",
        "Comma-separated: normalized, concise, simplified (keyValues), sysAttrs, count, provenance (of "
        "each attribute, which platform it comes from and when that was asked).",
        _TEXT,
        "sysAttrs",
    ),
    "format": query_parameter(
        "format",
        "表現形式。optionsより優先",
        "Representation; goes before options.",
        {"type": "string", "enum": _FORMATS, "default": "normalized"},
        "simplified",
    ),
    "lang": query_parameter(
        "lang",
        "LanguagePropertyの言語（4.15節）",
        "Language of LanguageProperties (clause 4.15).",
        _TEXT,
        "ja",
    ),
    "geometryProperty": query_parameter(
        "geometryProperty",
        "GeoJSONのgeometryにする属性（既定はlocation）。Accept: application/geo+jsonのときだけ",
        "With Accept: application/geo+json only: the GeoProperty that becomes the geometry.",
        {"type": "string", "default": "location"},
        "location",
    ),
    "local": query_parameter(
        "local",
        "trueで、このゲートウェイのローカルストアだけに問い合わせる",
        "true: only the local store of this gateway is asked.",
        _FLAG,
        False,
    ),
    "splitEntities": query_parameter(
        "splitEntities",
        "true: 1つのエンティティが複数の提供元に分かれている。絞り込みは統合後に行う",
        "true: an entity may be split over sources, so filters are applied after the merge only.",
        _FLAG,
        False,
    ),
    **TEMPORAL_PARAMETERS,
    **PROVISION_PARAMETERS,
    "entity_id": _path("entity_id", "エンティティID（URI）", "Id of the entity, a URI.", _ID),
    "registration_id": _path("registration_id", "登録ID", "Id of the registration.", _REGISTRATION),
    "Link": _header(
        "Link",
        "@contextのURL（6.3.5節）。省略時はコアコンテキスト",
        "The @context (clause 6.3.5); without it the core context.",
        _TEXT,
    ),
    "Prefer": _header(
        "Prefer",
        "仕様のバージョン（ngsi-ld=1.6、4.3.6.8節）。GeoJSONの@contextをLinkヘッダーに置く（body=json）",
        "The version that entities are amended to (ngsi-ld=1.6, clause 4.3.6.8); body=json: GeoJSON "
        "has its @context in the Link header.",
        _TEXT,
    ),
    "NGSILD-Tenant": _header(
        "NGSILD-Tenant",
        "このゲートウェイのテナント。省略時または空のときは既定のテナント",
        "Tenant of this gateway; without it, or empty, the default one.",
        {"type": "string", "pattern": "^([A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127})?$"},
    ),
    "Kakehashi-Use": _header(
        "Kakehashi-Use",
        "batch: このリクエストをバッチ利用として記録する（逆はできない）",
        "batch: the request is recorded as batch use; a batch service can't declare itself interactive.",
        {"type": "string", "enum": ["batch"]},
    ),
    "Cache-Control": _header(
        "Cache-Control",
        "no-cache・max-age=秒: 保持する回答（それより古い回答）を使わず提供元に尋ねる。no-store: 保持しない",
        "no-cache, max-age=SECONDS: answers that are kept (and older) are not used, the sources are asked; no-store: "
        "nothing is kept of this one.",
        {"type": "string", "maxLength": 1000},
    ),
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "再送の目印。同じキーの同じリクエストは7日間、API利用回数に数えない。内容が違えば422",
        "Marks a retry for 7 days: the same request under the same key is answered anew and not counted as a use; "
        "another request under it is 422.",
        {"type": "string", "minLength": 1, "maxLength": 255},
    ),
    **CONTEXT_PARAMETERS,
    **ENTITY_MAP_PARAMETERS,
    **SUBSCRIPTION_PARAMETERS,
}
