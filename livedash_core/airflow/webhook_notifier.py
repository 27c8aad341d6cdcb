"""A notifier that posts alerts as JSON to a webhook, for chat programs and on-call services without a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
from airflow.sdk import BaseHook, BaseNotifier

from livedash_core.errors import ConfigurationError, SystemicError

SECONDS = 15


class WebhookNotifier(BaseNotifier):
    """Posts to the address in an Airflow connection, which keeps it secret: many addresses are themselves a password.

    The connection's host is the whole address, or host, port and schema are its parts with the path in the extra
    ``path``. A login and password are sent as Basic, a password alone as a bearer token, and the extra ``headers`` as
    they are. ``payload`` is the JSON, whose texts are templates; unset: subject, text, change and the alerts.
    """

    template_fields: Sequence[str] = ("payload",)

    def __init__(self, conn_id: str = "livedash_alerts", payload: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.payload = payload

    def notify(self, context: Any) -> None:
        """Post once; an answer other than 2xx is an error, and a redirect is not followed.

        Raises ``ConfigurationError`` for a connection that names no address, ``SystemicError`` for a failed request.
        Neither message contains the address.
        """
        found = BaseHook.get_connection(self.conn_id)
        message = context["livedash"]
        payload = self.payload or {"subject": message["subject"], "text": message["text"], **message["data"]}
        headers = {str(name): str(value) for name, value in (found.extra_dejson.get("headers") or {}).items()}
        login = (found.login, found.password or "") if found.login else None
        if found.password and login is None:
            headers["Authorization"] = f"Bearer {found.password}"
        try:
            answer = httpx2.post(
                self._url(found), json=payload, headers=headers, auth=login, timeout=SECONDS, follow_redirects=False
            )
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            reason = type(error).__name__
            # Without its cause, whose text can contain the address.
            raise SystemicError(f"the webhook of the connection {self.conn_id} cannot be reached: {reason}") from None
        if not answer.is_success:
            raise SystemicError(f"the webhook of the connection {self.conn_id} answered {answer.status_code}")

    def _url(self, found: Any) -> str:
        host = str(found.host or "")
        if "://" not in host and host:
            port = f":{found.port}" if found.port else ""
            host = f"{found.schema or 'https'}://{host}{port}"
        if not host.startswith(("http://", "https://")):
            raise ConfigurationError(f"the connection {self.conn_id} has no host like https://hooks.example.com/path")
        return host + str(found.extra_dejson.get("path") or "")
