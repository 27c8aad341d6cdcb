"""The statements that merge a CSV. The staging tables are temporary: they are dropped with their connections."""

from __future__ import annotations

from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.stages.row_columns import FOLLOWING
from livedash_core.status import NEW_SESSIONS

STAGING = "pg_temp.incoming"

#: A change of one of these columns, or of a time, reopens the stages of the session.
REOPENING = ("messages_sent", "full_transcript_url")

#: A change of one of these columns, or of how numbers are read, changes the session.
_FOLLOWED = ("notes -> 'decimal_mark'", "language", *FOLLOWING.values())

_RAW = tuple(column for column in COLUMNS if column != "external_session_id")

#: The columns that COPY fills. A rejected line has only its number, its id, its raw text and a reason.
STAGED = ("line_number", "id", *COLUMNS, "started_at", "ended_at", "notes", "raw_text", "reason")

CREATE_STAGING = f"""
    DROP TABLE IF EXISTS {STAGING};
    CREATE TEMPORARY TABLE incoming (
        line_number bigint, id uuid, {", ".join(f"{column} text" for column in COLUMNS)},
        started_at timestamptz, ended_at timestamptz, notes jsonb, raw_text text, reason text
    )
"""

#: Without it, each chunk would be searched for in the whole table.
INDEX_STAGING = f"CREATE INDEX ON {STAGING} (line_number)"
COUNT_CHUNK = f"SELECT count(*) FROM {STAGING} WHERE line_number >= :first AND line_number < :end"  # noqa: S608 - made of constants

_NO_SECONDS = "!~ '[:.][0-9][0-9][:.][0-9][0-9]([^0-9]|$)'"


def _other_start(text: str, instant: str, other_text: str, other: str) -> str:
    """Whether two starts are different instants, not the same one written in another way or without its seconds.

    Starts that cannot be read are compared as they are written.
    """
    return f"""CASE WHEN {instant} IS NULL OR {other} IS NULL THEN {text} IS DISTINCT FROM {other_text}
        WHEN {text} {_NO_SECONDS} OR {other_text} {_NO_SECONDS}
        THEN date_trunc('minute', {instant}) <> date_trunc('minute', {other})
        ELSE {instant} <> {other} END"""


#: Contradicting lines of one file that are shown; the others are only counted in a note.
MAX_CONTRADICTIONS = 1000
#: Of several lines for one session the one that ends last is kept, whatever the order of the file; of equals the last
#: one. A note says how many others there are. Returns the lines that start at another time or have another transcript:
#: these are other sessions with the same id.
ONE_OF_EACH = f"""
    WITH repeated AS (
        SELECT external_session_id FROM {STAGING} WHERE reason IS NULL
        GROUP BY external_session_id HAVING count(*) > 1
    ), ranked AS (
        SELECT staged.ctid AS place, external_session_id, line_number, start_time, full_transcript_url,
            row_number() OVER latest AS rank,
            first_value(line_number) OVER latest AS kept,
            first_value(start_time) OVER latest AS kept_start,
            first_value(started_at) OVER latest AS kept_started_at,
            first_value(split_part(full_transcript_url, '?', 1)) OVER latest AS kept_url,
            count(*) OVER (PARTITION BY external_session_id) - 1 AS others
        FROM {STAGING} AS staged JOIN repeated USING (external_session_id)
        WINDOW latest AS (PARTITION BY external_session_id ORDER BY ended_at DESC NULLS LAST, line_number DESC)
    ), noted AS (
        UPDATE {STAGING} AS staged SET notes = coalesce(notes, '{{}}') || jsonb_build_object('earlier_lines', others)
        FROM ranked WHERE staged.ctid = place AND rank = 1
    ), dropped AS (
        DELETE FROM {STAGING} AS staged USING ranked WHERE staged.ctid = place AND rank > 1
        RETURNING staged.line_number, staged.external_session_id,
            concat_ws(',', {", ".join(f"staged.{column}" for column in COLUMNS)}) AS raw_text,
            kept, {_other_start("staged.start_time", "staged.started_at", "kept_start", "kept_started_at")}
                OR split_part(staged.full_transcript_url, '?', 1) IS DISTINCT FROM kept_url AS contradicts
    )
    SELECT line_number, external_session_id, left(raw_text, 10000) AS raw_text,
        'has the {COLUMNS[0]} of line ' || kept || ', which ends later, but another start_time or transcript' AS reason
    FROM dropped WHERE contradicts ORDER BY line_number LIMIT {MAX_CONTRADICTIONS}
"""  # noqa: S608 - made of constants
ADD_REJECTION = f"""
    INSERT INTO {STAGING} (line_number, external_session_id, raw_text, reason)
    VALUES (:line_number, :external_session_id, :raw_text, :reason)
"""  # noqa: S608 - made of constants

_AMBIGUOUS_NUMBER = r"'^\s*[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}\s*$'"
#: Notes the decimal mark of the file at rows with a number that would be read otherwise without it (values.py).
NOTE_DECIMAL_MARK = f"""
    UPDATE {STAGING} SET notes = coalesce(notes, '{{}}') || jsonb_build_object('decimal_mark', CAST(:mark AS text))
    WHERE (avg_response_time_seconds LIKE '%' || :other || '%' AND avg_response_time_seconds ~ {_AMBIGUOUS_NUMBER})
       OR (tokens_eur LIKE '%' || :other || '%' AND tokens_eur ~ {_AMBIGUOUS_NUMBER})
"""  # noqa: S608 - made of constants

_NEW = ("id", *COLUMNS, "started_at", "ended_at", "notes")
#: New sessions reach the status manager inside the database. Known sessions are not looked up beforehand: the unique
#: index is used anyway, and with the plan for a growing table each look-up might read all of it.
INSERT_NEW = f"""
    WITH new AS (
        INSERT INTO livedash.session_import (company_id, {", ".join(_NEW)})
        SELECT CAST(:company_id AS uuid), {", ".join(_NEW)} FROM {STAGING}
        WHERE line_number >= :first AND line_number < :end
        ON CONFLICT (company_id, external_session_id) DO NOTHING
        RETURNING id, company_id, started_at, notes
    ), handed_on AS (
        INSERT INTO {NEW_SESSIONS} (id, company_id, completed_stages, metadata)
        SELECT id, company_id, CASE WHEN started_at IS NULL THEN 0 ELSE 1 END, notes FROM new
    )
    SELECT count(*) AS sessions, count(started_at) AS readable FROM new
"""  # noqa: S608 - made of constants


def _row(alias: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{alias}.{column}' for column in columns)})"


def _is_other_time(column: str, instant: str) -> str:
    """Whether a time is another one than before, and not the same one written without its seconds."""
    return f"""(
        (before.{instant} IS DISTINCT FROM row.{instant}
            OR (row.{instant} IS NULL AND before.{column} IS DISTINCT FROM row.{column}))
        AND NOT (row.{instant} = date_trunc('minute', before.{instant})
            AND row.{column} {_NO_SECONDS}) IS TRUE
    )"""


#: Query parameters of signed URLs: Azure's, Amazon's, Google's, and what others call them.
_SIGNATURE = (
    "'[?&](sig|signature|s[vertpsi]|spr|sip|ske?|skoid|sktid|sk[tsv]|x-amz-[a-z-]*|x-goog-[a-z-]*|awsaccesskeyid"
    "|googleaccessid|key-pair-id|policy|expires?|expiry|exp|token|access_token|auth_token|hmac)=[^&#]*'"
)


def unsigned(url: str) -> str:
    """Return a URL column without what only signs it."""
    return f"regexp_replace(regexp_replace({url}, {_SIGNATURE}, '', 'gi'), '[?&]+$', '')"


def _reopening(alias: str) -> str:
    """The columns whose change reopens the stages; of a URL what does not only sign it."""
    columns = (
        unsigned(f"{alias}.{column}") if column == "full_transcript_url" else f"{alias}.{column}"
        for column in REOPENING
    )
    return f"({', '.join(columns)})"


#: A URL that is blanked at the source does not take away the transcript that is stored: the row keeps it, with a note.
KEEP_BLANKED_URLS = f"""
    UPDATE {STAGING} AS row
    SET full_transcript_url = known.full_transcript_url,
        notes = coalesce(row.notes, '{{}}') || '{{"transcript_url_blanked": true}}'
    FROM livedash.session_import AS known
    WHERE row.line_number >= :first AND row.line_number < :end
      AND (row.full_transcript_url IS NULL OR lower(btrim(row.full_transcript_url)) = ANY (CAST(:nulls AS text[])))
      AND known.company_id = :company_id AND known.external_session_id = row.external_session_id
      AND known.full_transcript_url IS NOT NULL
      AND EXISTS (SELECT FROM livedash.session_transcript AS stored WHERE stored.session_id = known.id)
"""  # noqa: S608 - made of constants

#: A fetch that failed is tried with the new signature.
_FAILED_FETCH = """
    before.full_transcript_url IS DISTINCT FROM row.full_transcript_url AND EXISTS (
        SELECT FROM livedash.session_processing_status AS status
        WHERE status.session_id = known.id AND status.stage = 'TRANSCRIPT_FETCH' AND status.status = 'FAILED'
    )
"""

_OTHER_TIMES = f"{_is_other_time('start_time', 'started_at')} OR {_is_other_time('end_time', 'ended_at')}"

#: Erased sessions stay erased. LIMIT makes the planner look up each row by itself: for a table that has grown since it
#: was analysed, it would otherwise read all rows of the company for every chunk.
UPDATE_CHANGED = f"""
    UPDATE livedash.session_import AS known
    SET changed_at = now(), notes = row.notes, {", ".join(f"{column} = row.{column}" for column in _RAW)}
    FROM {STAGING} AS row CROSS JOIN LATERAL (
        SELECT * FROM livedash.session_import AS found
        WHERE found.company_id = :company_id AND found.external_session_id = row.external_session_id
        LIMIT 1
    ) AS before
    WHERE row.line_number >= :first AND row.line_number < :end
      AND known.id = before.id AND known.erased_at IS NULL
      AND ({_row("before", _RAW)} IS DISTINCT FROM {_row("row", _RAW)}
         OR before.notes -> 'transcript_url_blanked' IS DISTINCT FROM row.notes -> 'transcript_url_blanked'
         OR before.notes -> 'decimal_mark' IS DISTINCT FROM row.notes -> 'decimal_mark'
         OR (row.notes -> 'date_order' IS NOT NULL
             AND before.notes -> 'date_order' IS DISTINCT FROM row.notes -> 'date_order'))
    RETURNING known.id,
        {_reopening("before")} IS DISTINCT FROM {_reopening("row")} OR {_OTHER_TIMES} OR ({_FAILED_FETCH}) AS reopens,
        {_row("before", _FOLLOWED)} IS DISTINCT FROM {_row("row", _FOLLOWED)} AS follows
"""  # noqa: S608 - made of constants

#: Makes the rejections those of this file: the first :most are stored, and those that are not in it are deleted. An
#: erased one stays as it is.
REJECT = f"""
    WITH rejected AS (
        DELETE FROM {STAGING} WHERE reason IS NOT NULL
        RETURNING line_number, external_session_id, raw_text, reason, md5(raw_text) AS digest
    ), lines AS (
        SELECT DISTINCT ON (digest) line_number, external_session_id, raw_text, reason, digest,
            count(*) OVER (PARTITION BY digest) AS number
        FROM rejected ORDER BY digest, line_number
    ), shown AS (
        SELECT * FROM lines ORDER BY line_number LIMIT :most
    ), gone AS (
        DELETE FROM livedash.import_rejection
        WHERE company_id = CAST(:company_id AS uuid) AND digest NOT IN (SELECT digest FROM shown)
    )
    INSERT INTO livedash.import_rejection AS known
        (company_id, line_number, external_session_id, raw_text, reason, digest, occurrences)
    SELECT CAST(:company_id AS uuid), line_number, external_session_id, raw_text, reason, digest, number
    FROM shown ORDER BY line_number
    ON CONFLICT (company_id, digest) DO UPDATE SET
        line_number = excluded.line_number, occurrences = excluded.occurrences, reason = excluded.reason,
        external_session_id = excluded.external_session_id
    WHERE known.raw_text <> ''
        AND (known.line_number, known.occurrences, known.reason, known.external_session_id)
        IS DISTINCT FROM (excluded.line_number, excluded.occurrences, excluded.reason, excluded.external_session_id)
"""  # noqa: S608 - made of constants
