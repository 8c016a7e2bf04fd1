"""The one table from exception to status (clauses 5.5.2 and 6.3.2), and what a problem never says."""

from __future__ import annotations

import inspect

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.web.negotiation import Media
from broker.web.problems import TABLE, media_of, row
from broker.web.problems import problem as problem_as
from schemas import errors

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""

PRESCRIBED = {
    errors.InvalidRequest: (400, "InvalidRequest"),
    errors.BadRequestData: (400, "BadRequestData"),
    errors.AlreadyExists: (409, "AlreadyExists"),
    errors.OperationNotSupported: (422, "OperationNotSupported"),
    errors.NotFound: (404, "ResourceNotFound"),
    errors.TooComplexQuery: (403, "TooComplexQuery"),
    errors.TooManyResults: (403, "TooManyResults"),
    errors.ContextNotAvailable: (504, "LdContextNotAvailable"),
    errors.NoSuchTenant: (404, "NonexistentTenant"),
}


def problem(error: Exception) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return problem_as(error, Media.JSON)


def every_error() -> list[type[errors.KakehashiError]]:
    found = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, errors.KakehashiError)]
    return [e for e in found if e is not errors.KakehashiError]


def raised(kind: type[errors.KakehashiError]) -> errors.KakehashiError:
    if kind is errors.QuotaExceeded:
        return errors.QuotaExceeded("in words", after=9, reset="2026-12-01T00:00:00+09:00")
    if kind is errors.NotAcceptable:
        return errors.NotAcceptable("text/html", ["application/json"])
    return kind("in words")


@pytest.mark.parametrize("kind", every_error(), ids=lambda e: e.__name__)
def test_every_error_has_a_status_and_a_problem(kind: type[errors.KakehashiError]) -> None:
    status, headers, body = problem(raised(kind))
    if kind is errors.UnsupportedMediaType:
        assert (status, body, b"accept" in dict(headers)) == (415, b"", True), "clause 6.3.4 wants it bare"
        return
    document = orjson.loads(body)
    assert 400 <= status < 600
    assert document["status"] == status
    expected = "this can be had as application/json" if kind is errors.NotAcceptable else "in words"
    assert (document["detail"], dict(headers)[b"content-type"]) == (expected, b"application/json")
    assert document["type"]
    assert document["title"]


@pytest.mark.parametrize(("kind", "expected"), PRESCRIBED.items(), ids=lambda v: getattr(v, "__name__", ""))
def test_what_ngsi_ld_prescribes(kind: type[errors.KakehashiError], expected: tuple[int, str]) -> None:
    status, type_, _ = row(kind("x"))
    assert (status, type_) == (expected[0], "https://uri.etsi.org/ngsi-ld/errors/" + expected[1])


def test_a_subclass_has_the_row_of_its_nearest_class() -> None:
    class Special(errors.SourceTooLarge):
        pass

    assert row(Special("x")) == TABLE[errors.SourceError]


def test_where_the_fault_lies_and_no_more_than_needed() -> None:
    error = errors.BadRequestData("wrong", field="limit", value="9" * 5000, clause="6.3.10")
    document = orjson.loads(problem(error)[2])
    assert (document["field"], document["clause"]) == ("limit", "6.3.10")
    assert len(document["value"]) <= 201
    assert "value" not in orjson.loads(problem(errors.BadRequestData("wrong"))[2])


def test_what_we_did_not_foresee_says_nothing_of_its_cause() -> None:
    status, _, body = problem(RuntimeError("password=hunter2"))
    assert status == 500
    assert b"hunter2" not in body


def test_headers_that_tell_what_to_do() -> None:
    assert b"www-authenticate" in dict(problem(errors.Unauthorized("x"))[1])
    assert b"retry-after" in dict(problem(errors.MeteringUnavailable("x"))[1])
    assert b"retry-after" in dict(problem(errors.StoreUnavailable("x"))[1])


@CALM
@given(
    st.text(alphabet=st.characters(codec=None), max_size=20), st.text(alphabet=st.characters(codec=None), max_size=300)
)
def test_any_text_can_be_written(detail: str, value: str) -> None:
    document = orjson.loads(problem(errors.InvalidRequest(detail, field="q", value=value))[2])
    assert document["field"] == "q"


@pytest.mark.parametrize("path", ["/ngsi-ld/v1/entities", "/ngsi-ld/v2", "/.well-known/ngsi-ld"])
def test_errors_of_ngsi_ld_are_plain_json(path: str) -> None:
    assert {media_of(path, accept) for accept in ("", "*/*", "application/*", "application/json")} == {Media.JSON}
    assert media_of(path, "application/json, Application/Problem+JSON;q=0.1") is Media.PROBLEM
    assert media_of(path, "application/problem+json;q=0") is Media.JSON


@pytest.mark.parametrize("path", ["/platforms", "/flows", "/catalog/ngsi-ld/", "/", "/ngsi-ldx"])
def test_our_own_errors_have_the_type_of_rfc_7807(path: str) -> None:
    assert media_of(path, "application/json") is Media.PROBLEM
    error = errors.BadRequestData("wrong")
    assert dict(problem_as(error, media_of(path))[1])[b"content-type"] == b"application/problem+json"


def test_who_is_refused_reads_what_can_be_had() -> None:
    document = orjson.loads(problem(errors.NotAcceptable("text/html", ["application/json", "application/ld+json"]))[2])
    assert (document["available"], document["value"]) == (["application/json", "application/ld+json"], "text/html")
