"""livedash-node's database, of either generation, with as much in it as a test wants.

The tables, columns and types are the old system's; its foreign keys are left out, because a database that lost rows by
hand is what a migration meets.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

NAMESPACE = UUID(int=8)
STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")
FIRST = datetime(2025, 6, 27, 8)

_ENUMS = {
    "SentimentCategory": "POSITIVE NEUTRAL NEGATIVE",
    "SessionCategory": "SCHEDULE_HOURS LEAVE_VACATION SICK_LEAVE_RECOVERY SALARY_COMPENSATION CONTRACT_HOURS "
    "ONBOARDING OFFBOARDING WORKWEAR_STAFF_PASS TEAM_CONTACTS PERSONAL_QUESTIONS ACCESS_LOGIN "
    "SOCIAL_QUESTIONS UNRECOGNIZED_OTHER",
    "ImportStatus": "QUEUED PROCESSING DONE ERROR",
    "CompanyStatus": "ACTIVE SUSPENDED TRIAL ARCHIVED",
    "ProcessingStage": " ".join(STAGES),
    "ProcessingStatus": "PENDING IN_PROGRESS COMPLETED FAILED SKIPPED",
}
#: A column that ends in "!" is NOT NULL. Those after "|" are of the generation before the refactor, after "/" of the
#: one after it.
_TABLES = {
    "Company": "name text! csvUrl text! csvUsername text csvPassword text sentimentAlert float8 dashboardOpts jsonb "
    "createdAt timestamp(3)! | / status CompanyStatus!",
    "User": "email text! password text! companyId text! | /",
    "SessionImport": "companyId text! externalSessionId text! startTimeRaw text! endTimeRaw text! ipAddress text "
    "countryCode text language text messagesSent int sentimentRaw text escalatedRaw text forwardedHrRaw text "
    "fullTranscriptUrl text avgResponseTimeSeconds float8 tokens int tokensEur float8 category text "
    "initialMessage text rawTranscriptContent text createdAt timestamp(3)! "
    "| status ImportStatus! errorMsg text processedAt timestamp(3) /",
    "Session": "companyId text! importId text startTime timestamp(3)! endTime timestamp(3)! ipAddress text "
    "country text fullTranscriptUrl text avgResponseTime float8 initialMsg text language text messagesSent int "
    "sentiment SentimentCategory escalated bool forwardedHr bool category SessionCategory summary text "
    "createdAt timestamp(3)! updatedAt timestamp(3)! | processed bool! /",
    "Message": "sessionId text! timestamp timestamp(3) role text! content text! order int! createdAt timestamp(3)! | /",
    "Question": "content text! createdAt timestamp(3)! | /",
    "SessionQuestion": "sessionId text! questionId text! order int! createdAt timestamp(3)! | /",
    "AIProcessingRequest": "sessionId text! openaiRequestId text model text! serviceTier text systemFingerprint text "
    "promptTokens int! completionTokens int! totalTokens int! cachedTokens int reasoningTokens int "
    "promptTokenCost float8! completionTokenCost float8! totalCostEur float8! processingType text! success bool! "
    "errorMessage text requestedAt timestamp(3)! completedAt timestamp(3) | /",
    "SessionProcessingStatus": "/ sessionId text! stage ProcessingStage! status ProcessingStatus! "
    "startedAt timestamp(3) completedAt timestamp(3) errorMessage text retryCount int! metadata jsonb",
    "AIModel": "/ name text! provider text! isActive bool! createdAt timestamp(3)!",
    "AIModelPricing": "/ aiModelId text! promptTokenCost float8! completionTokenCost float8! "
    "effectiveFrom timestamp(3)!",
    "CompanyAIModel": "/ companyId text! aiModelId text! isDefault bool!",
}
_INDEXES = (("Message", "sessionId", "order"), ("SessionQuestion", "sessionId"), ("AIProcessingRequest", "sessionId"))
#: What a NOT NULL column holds when a test does not care.
_DEFAULTS: dict[str, Any] = {
    "createdAt": FIRST, "updatedAt": FIRST + timedelta(hours=1), "requestedAt": FIRST, "effectiveFrom": FIRST,
    "name": "Acme", "csvUrl": "https://chats.acme.example/sessions.csv", "status": "ACTIVE", "processed": False,
    "startTimeRaw": "27.06.2025 08:00:00", "endTimeRaw": "27.06.2025 08:10:00", "startTime": FIRST,
    "endTime": FIRST + timedelta(minutes=10), "role": "User", "content": "Hello", "order": 0, "model": "gpt-4o",
    "promptTokens": 100, "completionTokens": 20, "totalTokens": 120, "promptTokenCost": 2.5e-6,
    "completionTokenCost": 1e-5, "totalCostEur": 0.00045, "processingType": "session_analysis", "success": True,
    "retryCount": 0, "provider": "openai", "isActive": True, "isDefault": True,
}  # fmt: skip


class LivedashNode:
    """An old database. ``refactored`` says of which generation."""

    def __init__(self, url: str, *, refactored: bool = False, schema: str = "public") -> None:
        self.url, self.refactored, self.schema = url, refactored, schema
        self.connection = psycopg.connect(url, autocommit=True)
        (name,) = self.connection.execute("SELECT current_database()").fetchone() or ()
        self.connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'".encode())
        self.connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        self.connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
        self._numbers = count(1)
        self.columns: dict[str, dict[str, str]] = {}
        self._create()

    def _create(self) -> None:
        for name, labels in _ENUMS.items():
            self.execute(f'CREATE TYPE "{name}" AS ENUM ({", ".join(map(repr, labels.split()))})')
        for table, description in _TABLES.items():
            common, _, rest = description.partition("|") if "|" in description else ("", "", description)
            before, _, after = rest.partition("/")
            words = (common + (after if self.refactored else before)).split()
            if not words:
                continue
            self.columns[table] = {"id": "text!"} | dict(zip(words[::2], words[1::2], strict=True))
            columns = ", ".join(
                f'"{name}" {self._type(kind)}{" PRIMARY KEY" if name == "id" else " NOT NULL" * kind.endswith("!")}'
                for name, kind in self.columns[table].items()
            )
            self.execute(f'CREATE TABLE "{table}" ({columns})')
        for table, *columns in _INDEXES:
            self.execute(f'CREATE INDEX ON "{table}" ({", ".join(map("{!r}".format, columns))})'.replace("'", '"'))

    @staticmethod
    def _type(kind: str) -> str:
        name = kind.rstrip("!")
        return f'"{name}"' if name in _ENUMS else name

    def execute(self, query: str, *parameters: Any) -> psycopg.Cursor[Any]:
        return self.connection.execute(query.encode(), parameters or None)

    def new_id(self, what: str) -> str:
        """An id like Prisma's, the same in every database."""
        return str(uuid5(NAMESPACE, f"{what} {next(self._numbers)}"))

    def add(self, table: str, **values: Any) -> str:
        """Insert a row, with defaults for NOT NULL columns; return its id."""
        row = {"id": self.new_id(table)}
        if table == "SessionImport":
            row |= {"status": "DONE", "externalSessionId": f"ext-{row['id']}"}
        for column, kind in self.columns[table].items():
            if kind.endswith("!") and column not in row and column not in values:
                row[column] = _DEFAULTS[column]
        row = {column: value for column, value in (row | values).items() if column in self.columns[table]}
        names = ", ".join(f'"{column}"' for column in row)
        cells = [Jsonb(cell) if isinstance(cell, dict) else cell for cell in row.values()]
        self.execute(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(["%s"] * len(row))})', *cells)
        return row["id"]

    def session(
        self,
        company: str,
        *,
        messages: int = 2,
        transcript: str | None = "User: Hello\nAssistant: Hi",
        url: str | None = "https://chats.acme.example/t.txt",
        analysed: bool = False,
        questions: tuple[str, ...] = (),
        imported: dict[str, Any] | None = None,
        **session: Any,
    ) -> str:
        """Insert a session with its import, messages, analysis and questions; return its id."""
        cells = {
            "fullTranscriptUrl": url,
            "rawTranscriptContent": transcript,
            "messagesSent": messages,
            "countryCode": "NL",
        }
        source = self.add("SessionImport", companyId=company, **cells | (imported or {}))
        if analysed:
            session = {
                "summary": "Somebody asked for leave.", "sentiment": "NEUTRAL", "category": "LEAVE_VACATION",
                "language": "nl", "escalated": False, "forwardedHr": True, "processed": True,
            } | session  # fmt: skip
        new = self.add("Session", companyId=company, importId=source, fullTranscriptUrl=url, country="NL", **session)
        for number in range(messages):
            self.add(
                "Message", sessionId=new, order=number, role=("User", "Assistant")[number % 2],
                content=f"message {number} of {new}", timestamp=FIRST + timedelta(minutes=number),
            )  # fmt: skip
        if analysed:
            self.add("AIProcessingRequest", sessionId=new, openaiRequestId=f"chatcmpl-{new}")
        for position, question in enumerate(questions):
            self.ask(new, question, position)
        return new

    def ask(self, session: str, question: str, position: int) -> None:
        found = self.execute('SELECT id FROM "Question" WHERE content = %s', question).fetchone()
        asked = found[0] if found else self.add("Question", content=question)
        self.add("SessionQuestion", sessionId=session, questionId=asked, order=position)

    def statuses(self, session: str, **statuses: str) -> None:
        """Rows of the status table, the generation after the refactor's."""
        for stage, status in statuses.items():
            settled = status not in ("PENDING", "IN_PROGRESS")
            self.add(
                "SessionProcessingStatus", sessionId=session, stage=stage, status=status, startedAt=FIRST,
                completedAt=FIRST + timedelta(minutes=5) if settled else None,
                errorMessage=f"{stage} broke" if status == "FAILED" else None,
                retryCount=2 if status == "FAILED" else 0,
            )  # fmt: skip

    def count(self, table: str) -> int:
        return int(self.execute(f'SELECT count(*) FROM "{table}"').fetchall()[0][0])

    def close(self) -> None:
        self.connection.close()


def reference_case(node: LivedashNode) -> None:
    """The 109 sessions of the old system's own migration: all with messages, 16 analysed, 11 with questions."""
    company = node.add("Company", csvUsername="jürgen", csvPassword="p@ss/w:örd%")
    for number in range(109):
        session = node.session(
            company,
            messages=3,
            analysed=number < 16,
            questions=(f"How many days of leave in year {number}?", "Who pays my expenses?") if number < 11 else (),
            startTime=FIRST + timedelta(hours=number),
            endTime=FIRST + timedelta(hours=number, minutes=10),
        )
        if node.refactored:
            node.statuses(
                session,
                **dict.fromkeys(STAGES[:3], "COMPLETED"),
                AI_ANALYSIS="COMPLETED" if number < 16 else "PENDING",
                QUESTION_EXTRACTION="COMPLETED" if number < 11 else "PENDING",
            )
