"""The ids of migrated rows.

livedash-node's ids are text: Prisma's ``uuid()`` or ``cuid()``. A UUID is kept. Any other text is mapped to a UUID
(version 5, RFC 9562), the same each time, and stored beside it for the views of ``livedash_compat``.
"""

from __future__ import annotations

from uuid import NAMESPACE_DNS, UUID, uuid5

_NAMESPACE = uuid5(NAMESPACE_DNS, "livedash-node")


def target_id(source_id: str) -> UUID:
    """Return the id that a row of the source has in the target."""
    try:
        same = UUID(source_id)
    except ValueError:
        return uuid5(_NAMESPACE, source_id)
    return same if str(same) == source_id else uuid5(_NAMESPACE, source_id)
