"""The version of its CSV that a company's sessions come from, in ``company_csv``."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, and_, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_core.clients.validators import Validators
from livedash_core.models import Company, CompanyCsv
from livedash_core.parsing.stamps import Order
from livedash_core.stages.csv_import.staging import StagedFile
from livedash_core.stages.sources import Sources


class Version(NamedTuple):
    """What identifies a version of a file: the validators and charset that its server sent, and its SHA-256 (hex).

    ``rows`` and ``rejected`` are numbers of its lines; ``shrunk_from`` are the rows of the version before, if this one
    has less than half as many without a confirmation.
    """

    validators: Validators
    charset: str | None = None
    sha256: str | None = None
    rows: int = 0
    rejected: int | None = None
    shrunk_from: int | None = None
    date_order: Order | None = None


def read_version(connection: Connection, company: Any) -> Version:
    """The version that was last imported completely from the company's present CSV URL."""
    wanted = select(CompanyCsv.__table__).where(*_of_url(company))
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return Version(Validators())
    validators = Validators(row.etag, row.last_modified)
    order = row.reading.get("date_order")
    return Version(validators, row.charset, row.sha256, row.rows, row.rejected_lines, row.shrunk_from, order)


def read_shrunk_from(connection: Connection, company: Any) -> int | None:
    """Read and lock the present ``shrunk_from``: the short CSV may have been confirmed since the import began."""
    wanted = select(CompanyCsv.shrunk_from).where(*_of_url(company))
    return connection.scalar(wanted.with_for_update())


def forget_version(connection: Connection, company: Any) -> None:
    """Let the next import read the file in full."""
    forgotten = {"etag": None, "last_modified": None, "sha256": None}
    connection.execute(update(CompanyCsv).where(CompanyCsv.company_id == company.company_id).values(forgotten))


def update_validators(connection: Connection, company: Any, validators: Validators) -> None:
    """Store the validators that the server sends now for a file whose content has not changed.

    A version that was forgotten meanwhile, because a setting of the company was changed, stays forgotten.
    """
    known = update(CompanyCsv).where(CompanyCsv.company_id == company.company_id, CompanyCsv.sha256.is_not(None))
    connection.execute(known.values(validators._asdict()))


def store_version(connection: Connection, company: Any, version: Version, staged: StagedFile) -> int | None:
    """Store the version of a file that was imported completely; returns the ``shrunk_from`` that is stored.

    The version before may have been confirmed since the import began. If a setting of the company has changed since
    then, the next import reads the file in full. One statement locks both rows and reads them as they are now.
    """
    is_same = and_(
        *(column.is_not_distinct_from(began) for column, began in zip(Sources.COLUMNS, company, strict=True))
    )
    locked = select(is_same.label("is_same")).where(Company.id == company.company_id)
    present = locked.with_for_update(key_share=True).subquery()
    columns = CompanyCsv.__table__.c
    identity = {**version.validators._asdict(), "sha256": version.sha256}
    values = {
        "company_id": company.company_id,
        "url": company.csv_url,
        "charset": version.charset,
        "reading": staged.reading(),
        "lines": staged.last_line,
        "rows": version.rows,
        "rejected_lines": version.rejected,
    }
    row: dict[str, ColumnElement[Any]] = {name: literal(value, columns[name].type) for name, value in values.items()}
    row |= {name: case((present.c.is_same, literal(value, Text))) for name, value in identity.items()}
    statement = insert(CompanyCsv).from_select(list(row), select(*row.values()))
    new = statement.excluded
    is_of_url = columns.url == new.url
    rows_before = func.coalesce(columns.shrunk_from, columns.rows)
    changes = {name: new[name] for name in row} | {
        "rejected_before": case((is_of_url, columns.rejected_lines)),
        "shrunk_from": case((and_(is_of_url, 2 * new.rows < rows_before), rows_before)),
        "taken_at": func.now(),
    }
    stored = statement.on_conflict_do_update(index_elements=["company_id"], set_=changes)
    return connection.scalar(stored.returning(CompanyCsv.shrunk_from))


def _of_url(company: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return CompanyCsv.company_id == company.company_id, CompanyCsv.url == company.csv_url
