"""One error tree. `broker/web/problems.py` holds the only table that turns these into HTTP statuses (RFC 7807)."""

from __future__ import annotations

from collections.abc import Sequence


class KakehashiError(Exception):
    """Everything that we raise on purpose.

    `detail` is a sentence for the person who reads it; `field`, `value` and `clause` say where the fault lies. `value`
    is cut to 200 characters so that a hostile input is not sent back whole.
    """

    def __init__(
        self, detail: str, *, field: str | None = None, value: object = None, clause: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.value = None if value is None else _short(value)
        self.clause = clause


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


# --- faults of the request -------------------------------------------------------------------------------------------


class InvalidRequest(KakehashiError):
    """Syntax is wrong: NGSI-LD InvalidRequest (clause 5.5.2), 400."""


class BadRequestData(KakehashiError):
    """Content is wrong: NGSI-LD BadRequestData (clause 5.5.2), 400."""


class TooComplexQuery(KakehashiError):
    """NGSI-LD TooComplexQuery, 403 (clause 6.3.2)."""


class TooManyResults(KakehashiError):
    """NGSI-LD TooManyResults, 403 (clause 6.3.2)."""


class UriTooLong(KakehashiError):
    """414."""


class BodyTooLarge(KakehashiError):
    """413."""


class UnsupportedMediaType(KakehashiError):
    """415."""


class NotAcceptable(KakehashiError):
    """406. `available`: the media types that can be had (clause 6.3.4)."""

    def __init__(self, value: str, available: Sequence[str]) -> None:
        super().__init__(f"this can be had as {', '.join(available)}", field="Accept", value=value)
        self.available = tuple(available)


class ContextNotAvailable(KakehashiError):
    """NGSI-LD LdContextNotAvailable: the @context could not be had, 504 (clause 6.3.2)."""


class NotFound(KakehashiError):
    """NGSI-LD ResourceNotFound, 404."""


class NoSuchTenant(KakehashiError):
    """NGSI-LD NonexistentTenant, 404."""


class AlreadyExists(KakehashiError):
    """NGSI-LD AlreadyExists, 409."""


class Conflict(KakehashiError):
    """NGSI-LD Conflict: with a registration, or with what is held locally, 409 (clause 5.5.2)."""


class WrongState(KakehashiError):
    """It can't be done in the state that the thing is in, 409."""


class OperationNotSupported(KakehashiError):
    """NGSI-LD OperationNotSupported, 422."""


class ProbeFailed(KakehashiError):
    """A platform was not stored because its probe found a fault; `field` says in what, 422."""


class IdempotencyConflict(KakehashiError):
    """The Idempotency-Key was used before with another request, 422."""


class Unauthorized(KakehashiError):
    """Nobody we know is asking, 401."""


class Forbidden(KakehashiError):
    """Known, but not allowed, 403."""


class QuotaExceeded(KakehashiError):
    """What an agreement allows for the day or the month is used up, 429. `after`: seconds; `reset`: RFC 3339."""

    def __init__(self, detail: str, *, after: int, reset: str) -> None:
        super().__init__(detail, field="quota")
        self.after = after
        self.reset = reset


class LoopDetected(KakehashiError):
    """The request has been here already (Via), 508 (clause 4.3.6)."""


# --- faults of our own house -----------------------------------------------------------------------------------------


class MeteringUnavailable(KakehashiError):
    """The flows could not be settled, so nothing is delivered, 503."""


class StoreUnavailable(KakehashiError):
    """The database did not answer, 503."""


class SettingsError(KakehashiError):
    """A setting is wrong; the process does not start."""


# --- faults of a source ----------------------------------------------------------------------------------------------


class SourceError(KakehashiError):
    """Something between us and a platform went wrong. It becomes an `Outcome`, never an answer's failure."""


class Retryable(SourceError):
    """Asking again later may help."""


class Unavailable(Retryable):
    """Refused, reset or unresolvable."""


class SourceFault(Unavailable):
    """It answered, with a 5xx."""


class RateLimited(Retryable):
    """429 or 503 with Retry-After; `after` in seconds."""

    def __init__(self, detail: str, *, after: float | None = None) -> None:
        super().__init__(detail)
        self.after = after


class SourceTimeout(Retryable):
    """The deadline passed before the answer was whole."""


class Refused(SourceError):
    """Asking again will not help."""


class SourceAuth(Refused):
    """401 or 403: the credential that we hold for this platform is not taken."""


class SourceNotFound(Refused):
    """404 where something should be: wrong endpoint, path or tenant."""


class SourceUnsupported(Refused):
    """The platform says that it can't do this (400, 405, 422, 501)."""


class SourceLoop(Refused):
    """The platform says that the request has passed it already: 508."""


class ForbiddenAddress(Refused):
    """The address guard does not let us connect there."""


class BadUpstream(SourceError):
    """What came back is not what the dialect promises: malformed, or lied about its length."""


class SourceTooLarge(BadUpstream):
    """More bytes than the budget allows."""
