"""Who is asking, and what that lets them do."""

from __future__ import annotations

from hashlib import sha256

import pytest

from broker.identity.callers import Callers, Known
from schemas.errors import Forbidden, Unauthorized
from schemas.flow import ANONYMOUS, Consumer
from schemas.roles import Role

ADMIN = "an-admin-key"
APP, NIGHTLY = Consumer("app", "Org", "Project", "toyosu"), Consumer("nightly", batch=True)


def made(*, open_access: bool = False, admin: str = ADMIN) -> Callers:
    callers = Callers(open_access=open_access, admin_key=admin)
    callers.replace({sha256(b"kk_app").digest(): Known(APP), sha256(b"kk_nightly").digest(): Known(NIGHTLY)})
    return callers


def bearer(key: str, **more: str) -> dict[bytes, bytes]:
    sent = {b"authorization": f"Bearer {key}".encode()}
    return sent | {name.replace("_", "-").encode(): value.encode() for name, value in more.items()}


def test_a_service_by_its_key_in_either_header() -> None:
    callers = made()
    for headers in (bearer("kk_app"), {b"authorization": b"bearer  kk_app "}, {b"x-api-key": b" kk_app"}):
        caller = callers.identify(headers)
        assert (caller.consumer, caller.admin) == (APP, False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Basic kk_app"},
        {b"authorization": b"kk_app"},
        {b"x-api-key": b""},
        bearer("kk_other"),
        bearer("KK_APP"),
        bearer(sha256(b"kk_app").hexdigest()),
    ],
)
def test_nobody_else_gets_in_when_it_is_closed(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Unauthorized) as raised:
        made().identify(headers)
    assert "kakehashi service add" in raised.value.detail
    assert raised.value.value is None, "a key that was sent is not sent back"


def test_a_key_ends_when_its_time_is_over_and_its_use_is_known() -> None:
    callers = made()
    past, future = (sha256(name).digest() for name in (b"past", b"future"))
    operator = frozenset({Role.OPERATOR})
    callers.replace({past: Known(APP, expires=1.0), future: Known(APP, operator, expires=4e9)})
    with pytest.raises(Unauthorized):
        callers.identify(bearer("past"))
    assert callers.identify(bearer("future")).roles == operator
    assert callers.used() == {future}
    assert callers.used() == set()


def test_a_key_that_was_taken_back_is_worth_nothing() -> None:
    callers = made()
    callers.replace({})
    with pytest.raises(Unauthorized):
        callers.identify(bearer("kk_app"))


def test_batch_can_be_declared_and_never_undone() -> None:
    callers = made()
    assert callers.identify(bearer("kk_app", kakehashi_use="batch")).consumer.batch is True
    assert callers.identify(bearer("kk_app", kakehashi_use="interactive")).consumer.batch is False
    assert callers.identify(bearer("kk_nightly", kakehashi_use="interactive")).consumer.batch is True


def test_the_administration_has_a_key_of_its_own() -> None:
    callers = made()
    assert callers.administer(bearer(ADMIN)).admin
    assert callers.identify(bearer(ADMIN)).consumer.service == "administration"
    with pytest.raises(Forbidden):
        callers.administer(bearer("kk_app"))
    with pytest.raises(Unauthorized):
        callers.administer({})


def test_without_an_admin_key_nobody_is_admin() -> None:
    callers = made(admin="")
    with pytest.raises(Unauthorized):
        callers.administer(bearer(""))
    with pytest.raises(Unauthorized):
        callers.administer({b"x-api-key": b" "})


def test_in_open_mode_everyone_may_do_everything_and_keys_still_tell_services() -> None:
    callers = made(open_access=True)
    assert callers.identify({}).consumer == ANONYMOUS
    assert callers.administer({}).admin
    assert callers.identify({b"kakehashi-use": b"batch"}).consumer == Consumer("anonymous", batch=True)
    assert callers.identify(bearer("kk_app")).consumer == APP
    assert callers.identify(bearer("unknown")).consumer == ANONYMOUS


def test_a_role_is_required_of_all_but_the_administration() -> None:
    callers = made()
    assert callers.require(bearer("kk_app"), Role.SERVICE, Role.AUDITOR).consumer == APP
    assert callers.require(bearer(ADMIN), Role.SECRETARIAT).admin
    with pytest.raises(Forbidden, match="secretariat"):
        callers.require(bearer("kk_app"), Role.SECRETARIAT)
