"""Remember for a day what a model server does not accept or limits, so that it is found out with one call in all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from livedash_core.models import ModelServer

#: After this time the full form is tried again.
REMEMBERED_DAYS = 1


class ServerTraits(NamedTuple):
    """What was found out about a server and a model; the fields are those of ``models.ModelServer``."""

    server: str
    model: str
    response_format: str
    reply_limit: str
    instructions_role: str
    context_tokens: int | None = None
    completion_tokens: int | None = None
    read_tokens: int | None = None
    sent_tokens: int | None = None
    found_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """What the server does not do, as text."""
        found = []
        if self.response_format != "json_schema":
            instead = "" if self.response_format == "none" else f" ({self.response_format} is sent instead)"
            found.append(f"does not accept response_format json_schema{instead}")
        if self.reply_limit != "max_completion_tokens":
            instead = "" if self.reply_limit == "none" else f" ({self.reply_limit} is sent instead)"
            found.append(f"does not accept max_completion_tokens{instead}")
        if self.instructions_role != "system":
            found.append(f"does not accept the role system ({self.instructions_role} is sent instead)")
        if self.context_tokens is not None:
            found.append(f"has a context of {self.context_tokens:,} tokens")
        if self.completion_tokens is not None:
            found.append(f"writes at most {self.completion_tokens:,} tokens")
        if self.read_tokens is not None:
            found.append(f"read {self.read_tokens:,} of about {self.sent_tokens or 0:,} tokens of a prompt")
        since = f", found {self.found_at.astimezone(UTC):%Y-%m-%d %H:%MZ}" if self.found_at else ""
        return f"{self.server} {'; '.join(found)} for {self.model!r}{since}"


def list_traits(connection: Connection, server: str | None = None, model: str | None = None) -> list[ServerTraits]:
    """What is remembered of all servers and models, or of one."""
    query = select(ModelServer.__table__).where(
        ModelServer.found_at > func.now() - func.make_interval(0, 0, 0, REMEMBERED_DAYS)
    )
    if server is not None:
        query = query.where(ModelServer.server == server, ModelServer.model == model)
    return [ServerTraits(*row) for row in connection.execute(query.order_by(ModelServer.server, ModelServer.model))]


def store_traits(connection: Connection, traits: ServerTraits) -> None:
    """Remember what was found out now; the time of the first finding is kept for as long as it holds."""
    values = {name: value for name, value in traits._asdict().items() if name != "found_at"}
    statement = insert(ModelServer).values(values)
    outdated = ModelServer.found_at <= func.now() - func.make_interval(0, 0, 0, REMEMBERED_DAYS)
    connection.execute(
        delete(ModelServer).where(ModelServer.server == traits.server, ModelServer.model == traits.model, outdated)
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["server", "model"],
            set_={name: statement.excluded[name] for name in values if name not in ("server", "model")},
        )
    )


def forget_traits(connection: Connection, server: str, model: str) -> None:
    """The server accepts everything again."""
    connection.execute(delete(ModelServer).where(ModelServer.server == server, ModelServer.model == model))
