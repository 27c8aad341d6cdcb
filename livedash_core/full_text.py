"""The full-text search: the words of messages and summaries, with the dictionaries of five languages.

A text is stored by the stems of its words in its session's language; in another language as they are (``simple``). If
the row does not tell the language, that of the messages is found out, and if it is not certain, the text is stored in
all six ways, which takes six times as long. A query is matched in all six, so that "verloven" finds "verlof" in a Dutch
session. One way instead of two takes a third less time. Each document also has its company as a word, which no query
can contain, so that the index finds a company's sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.errors import UsageError
from livedash_core.few_ids import few_ids, read_few
from livedash_core.parsing.searched_language import INSPECTED_CHARACTERS, searched_language

#: ISO 639-1 → PostgreSQL's configuration.
LANGUAGES = {"nl": "dutch", "de": "german", "en": "english", "fr": "french", "es": "spanish"}
CONFIGURATIONS = ("simple", *LANGUAGES.values())
#: Of a conversation whose language is unknown.
_INSPECTED_MESSAGES = 50
#: The characters of a conversation that are indexed: a document has at most 1 MB in six configurations.
MAX_CHARACTERS = 40_000
MAX_QUERY_CHARACTERS = 200
#: A query with more matches is answered from the newest sessions on, without reading all matches.
MAX_MATCHES = 5_000

#: The query as SQL; ``:words`` is what the user wrote, in the syntax of web search engines, which has no errors. Most
#: words are the same in all configurations: each different query is in it once, because six times takes three times as
#: long. A subquery is evaluated once, an expression of a parameter again for each row.
QUERY = f"""(
    SELECT CAST(string_agg(DISTINCT '(' || CAST(query AS text) || ')', ' | ') AS tsquery)
    FROM (VALUES {", ".join(f"(websearch_to_tsquery('{name}', :words))" for name in CONFIGURATIONS)}) AS way (query)
    WHERE numnode(query) > 0
)"""  # noqa: S608 - made of constants
#: Whether ``session.id`` matches; for a query with many matches. OFFSET: each session is looked up, because a join may
#: find all matches first.
MATCHES = f"""EXISTS (
    SELECT FROM livedash.session_search WHERE session_id = imported.id AND document @@ {QUERY} OFFSET 0
)"""


class Found(NamedTuple):
    """The sessions that match a query; None if there are more than ``MAX_MATCHES``."""

    session_ids: list[UUID] | None


def index_messages(
    connection: Connection, session_ids: Iterable[UUID], contents: Mapping[UUID, Iterable[str]] | None = None
) -> None:
    """Index the messages of these sessions again; call it in the transaction that writes them.

    ``contents`` are the messages of sessions of unknown language; if it is None, they are read from the database.
    """
    ids = list(session_ids)
    known = _read_contents(connection, ids) if contents is None else contents
    languages = [_language_of(known.get(one, ())) for one in ids]
    connection.execute(_INDEX_MESSAGES, {"ids": ids, "languages": languages})


def _read_contents(connection: Connection, session_ids: list[UUID]) -> Mapping[UUID, Iterable[str]]:
    rows = connection.execute(_BEGINNINGS, {"ids": session_ids})
    return {session_id: (beginning,) for session_id, beginning in rows}


def _language_of(messages: Iterable[str]) -> str | None:
    return searched_language("\n".join(islice(messages, _INSPECTED_MESSAGES)))


def index_summaries(connection: Connection, session_ids: Iterable[UUID]) -> None:
    """Index the summaries of these sessions again; call it in the transaction that writes them."""
    connection.execute(_INDEX_SUMMARIES, {"ids": list(session_ids)})


def find(connection: Connection, words: str, company_ids: Sequence[UUID] | None) -> Found:
    """Find the sessions of these companies (None: all) whose messages or summary match ``words``.

    Raises ``UsageError`` for a query without a word to search for.
    """
    connection.execute(text("SET LOCAL enable_seqscan = off"))  # the index, whatever the plan thinks of the query
    try:
        if not connection.scalar(_HAS_A_WORD, {"words": words}):
            raise UsageError("name a word to search for, not only words to leave out or punctuation")
        lexemes = None if company_ids is None else " | ".join(f"'{_company(str(one))}'" for one in company_ids)
        if lexemes == "":
            return Found([])
        parameters = {"words": words, "companies": lexemes, "limit": 2 * MAX_MATCHES + 2}
        statement = _OF_ALL if lexemes is None else _OF_COMPANIES
        return Found(read_few(connection, statement, parameters, most=MAX_MATCHES))
    finally:
        connection.execute(text("SET LOCAL enable_seqscan = on"))


def _company(company_id: str) -> str:
    return f"company:{company_id}"


def _document(column: str, language: str) -> str:
    stems = " ".join(f"WHEN '{code}' THEN to_tsvector('{name}', {column})" for code, name in LANGUAGES.items())
    every = " || ".join(f"to_tsvector('{name}', {column})" for name in CONFIGURATIONS)
    return f"""
        array_to_tsvector(ARRAY['company:' || session.company_id]) || CASE lower(left(coalesce({language}, 'und'), 3))
               {stems} WHEN 'und' THEN {every} ELSE to_tsvector('simple', {column}) END
    """


_STORE = """
    ), stored AS (
        INSERT INTO livedash.session_search (session_id, part, document)
        SELECT id, '{part}', document FROM documents WHERE document IS NOT NULL
        ORDER BY id
        ON CONFLICT (session_id, part) DO UPDATE SET document = excluded.document
    )
    DELETE FROM livedash.session_search
    WHERE part = '{part}' AND session_id IN (SELECT id FROM documents WHERE document IS NULL)
"""
_INDEX_MESSAGES = text(
    f"""
    WITH documents AS MATERIALIZED (
        SELECT session.id, {_document("body", "coalesce(session.language, found.language)")} AS document
        FROM unnest(CAST(:ids AS uuid[]), CAST(:languages AS text[])) AS found (id, language)
        JOIN livedash.session ON session.id = found.id CROSS JOIN LATERAL (
            SELECT left(string_agg(left(content, {MAX_CHARACTERS}), ' ' ORDER BY position), {MAX_CHARACTERS}) AS body
            FROM livedash.message WHERE session_id = session.id
        ) AS said
    {_STORE.format(part="messages")}
    """  # noqa: S608 - made of constants
)
# As much of each conversation of unknown language as is inspected.
_BEGINNINGS = text(
    f"""
    SELECT session.id, said.beginning
    FROM unnest(CAST(:ids AS uuid[])) AS written (id)
    JOIN livedash.session ON session.id = written.id CROSS JOIN LATERAL (
        SELECT left(string_agg(left(content, {INSPECTED_CHARACTERS}), E'\\n' ORDER BY position), {INSPECTED_CHARACTERS})
            AS beginning
        FROM livedash.message WHERE session_id = session.id AND position <= {_INSPECTED_MESSAGES}
    ) AS said
    WHERE session.language IS NULL AND said.beginning IS NOT NULL
    """  # noqa: S608 - made of constants
)
_INDEX_SUMMARIES = text(
    f"""
    WITH documents AS MATERIALIZED (
        SELECT session.id, {_document("summary", "'en'")} AS document
        FROM livedash.session WHERE session.id = ANY (CAST(:ids AS uuid[]))
    {_STORE.format(part="summary")}
    """  # noqa: S608 - made of constants
)
#: "T": a condition that every document fulfils, such as one with only words to leave out.
_HAS_A_WORD = text(f"SELECT querytree({QUERY}) NOT IN ('', 'T')")
_FOUND = "SELECT session_id FROM livedash.session_search WHERE document @@ {query} LIMIT :limit"
_OF_ALL = few_ids(_FOUND.format(query=QUERY))
_OF_COMPANIES = few_ids(_FOUND.format(query=f"({QUERY} && CAST(:companies AS tsquery))"))
