"""Which companies the user of a page may read, as Airflow's auth manager grants them: one resource per company."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import NamedTuple
from uuid import UUID

#: Every resource begins with this; in the form of a DAG id, so that auth managers grant it as they grant a DAG.
RESOURCE_PREFIX = "livedash_company_"
#: The resource that stands for all companies, present and future.
ALL_COMPANIES = f"{RESOURCE_PREFIX}all"
#: Characters of a company's name in its resource: auth managers limit the length of names, FAB to 250.
MAX_CHARACTERS = 100
#: Hexadecimal digits of the company's id in its resource.
ID_DIGITS = 8

#: Returns which of the resources are granted to the user.
Granted = Callable[[Collection[str]], Collection[str]]


class Visitor(NamedTuple):
    """The logged-in user of a page; ``granted`` is None if they may read every company."""

    name: str
    granted: Granted | None


def company_resource(company_id: UUID, name: str) -> str:
    """Return the resource of a company: its name in ASCII letters, digits and ``_``, then the end of its id.

    The id keeps two similar names apart, and a company that is added again under an old name has a new resource: what
    was granted for the old one does not open it. A changed name changes the resource, which must be granted again.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", ascii_name)[:MAX_CHARACTERS].strip("_")
    return f"{RESOURCE_PREFIX}{slug}{'_' if slug else ''}{company_id.hex[-ID_DIGITS:]}"
