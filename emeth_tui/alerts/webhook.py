"""The webhook: a message as JSON, signed with a secret that the receiver has as well.

`Emeth-Signature: t=SECONDS,v1=HEX` holds when it was sent and the HMAC-SHA256 of `SECONDS.BODY` under the
secret, so that nobody else can send one, and an old one is noticed. `Emeth-Id` is the message's id: one that
arrives twice, because its answer was lost, has the same.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

import anyio
import httpx
from pydantic import SecretStr

from emeth_tui.alerts.alert import Message, message_json
from emeth_tui.alerts.channel import NotDelivered
from emeth_tui.clients.http.exchange import failure, retry_after_s
from emeth_tui.foreign_text import endpoint
from emeth_tui.notices.reasons.network.exchange import AnswerTooSlow, UnexpectedStatus
from emeth_tui.settings.alert_secrets import Webhook

DEADLINE_S = 20.0
LONGEST_WISH_S = 3_600.0  # of a receiver that asks for patience


class WebhookChannel:
    """Posts messages to a URL of the owner's."""

    key = "webhook"
    keeps_trying = True

    def __init__(
        self,
        http: httpx.AsyncClient,
        webhook: Webhook,
        *,
        node: str,
        network: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._webhook = webhook
        self._node = node
        self._network = network
        self._now = now

    @property
    def name(self) -> str:
        return endpoint(self._webhook.url.get_secret_value())

    async def deliver(self, message: Message) -> None:
        """Post a message once. Raise NotDelivered unless the receiver answers with a status of 200 to 299."""
        body = message_json(message, self._node, self._network)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Emeth-Id": message.id,
            "Emeth-Signature": signature(self._webhook.secret, body, int(self._now())),
        }
        status, wish = await self._post(body, headers)
        if not 200 <= status < 300:
            wish_s = retry_after_s(wish, time.time()) or 0.0
            raise NotDelivered(UnexpectedStatus(self.name, status), again_in_s=min(wish_s, LONGEST_WISH_S))

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Return the status and Retry-After; what else the receiver says is not read. Raise NotDelivered."""
        url = self._webhook.url.get_secret_value()
        try:
            with anyio.fail_after(DEADLINE_S):
                async with self._http.stream("POST", url, content=body, headers=headers) as response:
                    return response.status_code, response.headers.get("retry-after", "")
        except TimeoutError:
            raise NotDelivered(AnswerTooSlow(self.name, DEADLINE_S)) from None
        except (httpx.RequestError, httpx.InvalidURL, OSError) as error:
            raise NotDelivered(failure(self.name, error).reason) from None


def signature(secret: SecretStr, body: bytes, at_unix_s: int) -> str:
    """Return the header's value for a body that is sent at a time."""
    signed = b"%d.%b" % (at_unix_s, body)
    digest = hmac.digest(secret.get_secret_value().encode(), signed, "sha256")
    return f"t={at_unix_s},v1={digest.hex()}"
