"""Remember in the database what a model server does not accept, for all processes."""

from __future__ import annotations

import logging
from typing import NamedTuple, get_args

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from livedash_core.analysis.openai.request_form import InstructionsRole, ReplyLimit, RequestForm, ResponseFormat
from livedash_core.analysis.openai.token_limits import NO_LIMITS, TokenLimits
from livedash_core.costs import ServerTraits, forget_traits, list_traits, store_traits

log = logging.getLogger(__name__)


class PartialRead(NamedTuple):
    """A prompt of ``sent`` tokens, by estimate, of which the server read ``read``."""

    sent: int
    read: int


class Remembered(NamedTuple):
    """The form of the requests, the token limits, and a prompt that was read in part; the defaults are OpenAI's."""

    form: RequestForm = RequestForm()
    limits: TokenLimits = NO_LIMITS
    partial: PartialRead | None = None


class ServerMemory:
    """The memory of one model at one server. Without the database nothing is remembered: it only costs some calls."""

    def __init__(self, engine: Engine, server: str, model: str) -> None:
        self._engine = engine
        self._server = server
        self._model = model

    def load(self) -> Remembered:
        """What is remembered of the server."""
        try:
            with self._engine.connect() as connection:
                found = list_traits(connection, self._server, self._model)
        except SQLAlchemyError as error:
            log.warning("what the model server accepts could not be read: %s", type(error).__name__)
            return Remembered()
        for traits in found:
            if (
                traits.response_format in get_args(ResponseFormat)
                and traits.reply_limit in get_args(ReplyLimit)
                and traits.instructions_role in get_args(InstructionsRole)
            ):
                form = RequestForm(traits.response_format, traits.reply_limit, traits.instructions_role)  # type: ignore[arg-type]
                partial = (
                    None if traits.read_tokens is None else PartialRead(traits.sent_tokens or 0, traits.read_tokens)
                )
                return Remembered(form, TokenLimits(traits.context_tokens, traits.completion_tokens), partial)
        return Remembered()

    def store(self, found: Remembered) -> None:
        """Remember what the server has shown by an answer."""
        form, limits, partial = found
        try:
            with self._engine.begin() as connection:
                if found == Remembered():
                    forget_traits(connection, self._server, self._model)
                else:
                    parts = (form.response_format, form.reply_limit, form.instructions_role)
                    tokens = (limits.context, limits.completion, partial and partial.read, partial and partial.sent)
                    store_traits(connection, ServerTraits(self._server, self._model, *parts, *tokens))
        except SQLAlchemyError as error:
            log.warning("what the model server accepts could not be stored: %s", type(error).__name__)
