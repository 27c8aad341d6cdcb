"""Remember in the database what a model server does not accept, for all processes."""

from __future__ import annotations

import logging
from typing import get_args

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from livedash_core.analysis.openai.request_form import InstructionsRole, ReplyLimit, RequestForm, ResponseFormat
from livedash_core.analysis.openai.token_limits import NO_LIMITS, TokenLimits
from livedash_core.costs import ServerTraits, forget_traits, list_traits, store_traits

log = logging.getLogger(__name__)


class ServerMemory:
    """The memory of one model at one server. Without the database nothing is remembered: it only costs some calls."""

    def __init__(self, engine: Engine, server: str, model: str) -> None:
        self._engine = engine
        self._server = server
        self._model = model

    def load(self) -> tuple[RequestForm, TokenLimits]:
        """The form of the requests and the token limits; those of OpenAI if nothing else is remembered."""
        try:
            with self._engine.connect() as connection:
                found = list_traits(connection, self._server, self._model)
        except SQLAlchemyError as error:
            log.warning("what the model server accepts could not be read: %s", type(error).__name__)
            return RequestForm(), NO_LIMITS
        for traits in found:
            if (
                traits.response_format in get_args(ResponseFormat)
                and traits.reply_limit in get_args(ReplyLimit)
                and traits.instructions_role in get_args(InstructionsRole)
            ):
                form = RequestForm(traits.response_format, traits.reply_limit, traits.instructions_role)  # type: ignore[arg-type]
                return form, TokenLimits(traits.context_tokens, traits.completion_tokens)
        return RequestForm(), NO_LIMITS

    def store(self, form: RequestForm, limits: TokenLimits) -> None:
        """Remember a form and limits that the server has answered."""
        try:
            with self._engine.begin() as connection:
                if (form, limits) == (RequestForm(), NO_LIMITS):
                    forget_traits(connection, self._server, self._model)
                else:
                    parts = (form.response_format, form.reply_limit, form.instructions_role)
                    traits = ServerTraits(self._server, self._model, *parts, limits.context, limits.completion)
                    store_traits(connection, traits)
        except SQLAlchemyError as error:
            log.warning("what the model server accepts could not be stored: %s", type(error).__name__)
