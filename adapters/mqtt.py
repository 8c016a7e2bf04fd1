"""The one MQTT port to the outside: publish a message, through the same address guard as HTTP (clause 7.2).

A connection for each message: what a broker that went away still had of a kept one would be lost unnoticed with QoS 0.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiomqtt

from adapters.guard import Guard
from schemas.errors import KakehashiError, Refused, SourceTimeout, Unavailable
from schemas.ngsi_ld.subscription_endpoint import MqttTarget

_VERSIONS = {"mqtt3.1.1": aiomqtt.ProtocolVersion.V311, "mqtt5.0": aiomqtt.ProtocolVersion.V5}


class MqttPort:
    """`ca_file`: certificates (PEM) by which brokers are trusted, instead of the system's."""

    def __init__(self, guard: Guard, *, ca_file: str | None = None) -> None:
        self._guard = guard
        self._ca_file = ca_file

    async def publish(self, target: MqttTarget, payload: bytes, *, seconds: float) -> None:
        """Until the broker has it as surely as the QoS says. Errors: Unavailable, SourceTimeout, Refused (the broker
        refuses us), ForbiddenAddress."""
        try:
            async with asyncio.timeout(seconds):
                *others, last = await self._guard.resolve(target.host, target.port)
                for address in others:
                    # a name may have addresses of which only some are listened on
                    try:
                        return await self._publish(address, target, payload, seconds)
                    except Unavailable:
                        continue
                await self._publish(last, target, payload, seconds)
        except TimeoutError:
            raise SourceTimeout("the MQTT broker did not answer in time") from None

    async def _publish(self, address: str, target: MqttTarget, payload: bytes, seconds: float) -> None:
        client = aiomqtt.Client(
            address,
            target.port,
            username=target.username,
            password=target.password,
            protocol=_VERSIONS[target.version],
            tls_context=self._pinned(target.host) if target.tls else None,
            timeout=seconds,
            keepalive=60,
        )
        try:
            async with client:
                await client.publish(target.topic, payload, qos=target.qos)
        except aiomqtt.MqttCodeError as error:
            raise _refused(error) from None
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"the MQTT broker's certificate is not trusted: {error.verify_message}") from None
        except (aiomqtt.MqttError, OSError) as error:
            raise Unavailable(f"the MQTT broker can't be used ({type(error).__name__})") from None

    def _pinned(self, host: str) -> ssl.SSLContext:
        """The connection goes to the address that was judged; the certificate is the host's."""
        context = _Named.__new__(_Named, ssl.PROTOCOL_TLS_CLIENT)
        context.host = host
        if self._ca_file:
            context.load_verify_locations(cafile=self._ca_file)
        else:
            context.load_default_certs()
        return context


class _Named(ssl.SSLContext):
    host: str

    def wrap_socket(self, sock: Any, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *args, **{**kwargs, "server_hostname": self.host})


def _refused(error: aiomqtt.MqttCodeError) -> KakehashiError:
    # what is raised for a connection that was lost has a code, too; only an answer of the broker is a refusal
    code = error.rc
    if code is not None and not isinstance(code, int):
        return Refused(f"the MQTT broker refuses: {code}")
    return Unavailable(f"the MQTT broker can't be used (code {code})")
