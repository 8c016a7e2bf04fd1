"""Notifications by MQTT (clause 7), to a real mosquitto. Skipped where there is none."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as mqtt
import pytest
from gateway import ENTITIES, Space
from receivers import until

from schemas.ngsi_ld.context import CORE

_BINARY = shutil.which("mosquitto") or ""
_TOOLS = all(map(shutil.which, ("mosquitto", "mosquitto_passwd")))
pytestmark = pytest.mark.skipif(not _TOOLS, reason="mosquitto is not installed")
PATH = "/ngsi-ld/v1/subscriptions"


class Listener:
    """What is published to a topic, as another client library has it."""

    def __init__(self, port: int, topic: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("kake", "hashi")
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _, __, message: self.messages.append(orjson.loads(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topic, qos=2)
        assert subscribed.wait(20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Broker:
    """A mosquitto with one user, and what was published to it, read by its own client."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        passwords = home / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "kake", "hashi"], check=True)
        # as root it would otherwise drop its rights, and could not read this
        rules = f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        (home / "mosquitto.conf").write_text(rules)
        self.process = subprocess.Popen(
            [_BINARY, "-c", str(home / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._listens)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def listen(self, topic: str) -> Listener:
        """A client that is subscribed."""
        return Listener(self.port, topic)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    opened = Broker(tmp_path_factory.mktemp("mosquitto"))
    yield opened
    opened.close()


@pytest.mark.parametrize(("version", "qos"), [("mqtt3.1.1", "1"), ("mqtt5.0", "2"), (None, None)])
def test_a_notification_is_published(space: Space, broker: Broker, version: str | None, qos: str | None) -> None:
    topic = f"city/{space.tenant}/{version or 'default'}"
    info = [{"key": k, "value": v} for k, v in (("MQTT-Version", version), ("MQTT-QoS", qos)) if v is not None]
    endpoint = {
        "uri": f"mqtt://kake:hashi@127.0.0.1:{broker.port}/{topic}",
        "receiverInfo": [{"key": "X-Trace", "value": "7"}],
        **({"notifierInfo": info} if info else {}),
    }
    body = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": {"endpoint": endpoint}}
    headers = {"ngsild-tenant": space.tenant}
    made = space.client.post(PATH, json=body, headers=headers)
    assert made.status_code == 201, made.text
    listener = broker.listen(topic)
    room = {"id": "urn:ngsi-ld:Room:1", "type": "Room", "a": {"type": "Property", "value": 1}}
    assert space.client.post(ENTITIES, json=room, headers=headers).status_code == 201
    until(lambda: bool(listener.messages))
    listener.close()
    (message,) = listener.messages
    assert message["metadata"] == {
        "Content-Type": "application/json",
        "Link": CORE.link_header(),
        "NGSILD-Tenant": space.tenant,
        "X-Trace": "7",
    }
    assert message["body"]["data"] == [room]

    def sent() -> int:
        shown = space.client.get(made.headers["location"], headers=headers).json()
        return int(shown["notification"].get("timesSent", 0))

    until(lambda: sent() == 1)


def test_one_that_refuses_is_a_failure(space: Space, broker: Broker) -> None:
    endpoint = {"uri": f"mqtt://kake:wrong@127.0.0.1:{broker.port}/a/b"}
    body = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": {"endpoint": endpoint}}
    headers = {"ngsild-tenant": space.tenant}
    made = space.client.post(PATH, json=body, headers=headers)
    room = {"id": "urn:ngsi-ld:Room:1", "type": "Room", "a": {"type": "Property", "value": 1}}
    assert space.client.post(ENTITIES, json=room, headers=headers).status_code == 201

    def state() -> Any:
        return space.client.get(made.headers["location"], headers=headers).json()["notification"].get("status")

    until(lambda: state() == "failed")
