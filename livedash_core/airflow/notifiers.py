"""Creates Airflow's notifiers from the setting ``LIVEDASH_ALERT_NOTIFIERS`` and sends messages with them.

The arguments are templates, as everywhere in Airflow. A message comes in as the values ``livedash.subject``,
``livedash.text``, ``livedash.html`` and ``livedash.data``, which are never read as templates.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from airflow.sdk import BaseNotifier

from livedash_core.alerts.messages import Message
from livedash_core.errors import ConfigurationError
from livedash_core.settings import NotifierSettings, Settings
from livedash_core.status.redaction import redact

#: Values for arguments that the setting does not name, by the names that the providers' notifiers have for them.
DEFAULTS = {
    "subject": "{{ livedash.subject }}",
    "title": "{{ livedash.subject }}",
    "html_content": "{{ livedash.html }}",
    **dict.fromkeys(("text", "message", "body", "content"), "{{ livedash.text }}"),
}
#: Loggers that write a request's whole address, which is the secret of many webhooks.
_TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "aiohttp")


def configured(settings: Settings) -> list[NotifierSettings]:
    """The notifiers of the setting. Raises ``ConfigurationError`` if two have the same name."""
    found = list(settings.alert_notifiers or ())
    labels = [one.label for one in found]
    if doubled := sorted({label for label in labels if labels.count(label) > 1}):
        raise ConfigurationError(
            f'LIVEDASH_ALERT_NOTIFIERS has several notifiers called {", ".join(doubled)}; give each a "name"'
        )
    return found


def send(wanted: NotifierSettings, message: Message) -> str | None:
    """Send a message; returns the error as one sentence without secrets, or None."""
    try:
        with _quiet():
            notifier = _create(wanted)
            context: Any = {"livedash": {key: getattr(message, key) for key in ("subject", "text", "html", "data")}}
            notifier.render_template_fields(context)
            # Not by calling the notifier, which logs an error's text before it can be redacted.
            notifier.notify(context)
    except Exception as error:  # a notifier may raise anything
        return _sentence(wanted, error)
    return None


def _create(wanted: NotifierSettings) -> BaseNotifier:
    """A new notifier for each message: it renders its templates in place."""
    module, _, name = wanted.class_path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise ConfigurationError(
            f"LIVEDASH_ALERT_NOTIFIERS names {wanted.class_path}, which is not installed here; install its provider"
        ) from None
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise ConfigurationError(f"LIVEDASH_ALERT_NOTIFIERS names {wanted.class_path}, which is no notifier of Airflow")
    accepted = inspect.signature(found).parameters
    constructor: Any = found
    missing = {key: value for key, value in DEFAULTS.items() if key in accepted and key not in wanted.arguments}
    try:
        created: BaseNotifier = constructor(**missing, **wanted.arguments)
    except TypeError as error:
        raise ConfigurationError(f"LIVEDASH_ALERT_NOTIFIERS, {wanted.label}: {error}") from None
    return created


def _sentence(wanted: NotifierSettings, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = redact(lines[0] if lines else type(error).__name__)
    for secret in _strings(wanted.arguments):
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {text}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    # The id of a connection is no secret, and an error that names it helps.
    parts = [part for key, part in value.items() if "conn_id" not in key] if isinstance(value, dict) else value
    for part in parts if isinstance(parts, list) else ():
        yield from _strings(part)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the addresses that a notifier requests out of the log."""
    before = {name: logging.getLogger(name).level for name in _TALKATIVE}
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
