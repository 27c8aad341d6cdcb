"""Which id a row of livedash-node has here.

Its ids are text: Prisma's ``uuid()``, or a ``cuid()``. Ours are UUIDs. A UUID is kept as it is; from any other text the
same UUID is derived each time (version 5, RFC 9562), and the text is kept beside it, so that ``livedash_compat`` shows
the old id again.
"""

from __future__ import annotations

from uuid import NAMESPACE_DNS, UUID, uuid5

_NAMESPACE = uuid5(NAMESPACE_DNS, "livedash-node")


def our_id(old_id: str) -> UUID:
    """The id here of the row that has ``old_id`` there."""
    try:
        same = UUID(old_id)
    except ValueError:
        return uuid5(_NAMESPACE, old_id)
    return same if str(same) == old_id else uuid5(_NAMESPACE, old_id)
