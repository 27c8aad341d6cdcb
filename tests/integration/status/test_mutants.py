"""Tests of the tests: each mutant breaks one promise in the SQL, and a test must fail.

The tests are called as the plain functions they are, with a database of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.errors import LiveDashError
from livedash_core.status import ProcessingStatusManager, Scope, statements
from tests.integration.records import Records
from tests.integration.status import test_activity, test_counts, test_failure_groups, test_locking, test_promises


class Mutant(NamedTuple):
    """A replacement of text in each named statement, and the test (``killer``) that must fail with it."""

    name: str
    changes: dict[str, tuple[str, str]]
    killer: Callable[..., None]


def _insert_of_deltas(verb: str) -> str:
    """The line of its statement that inserts the count deltas."""
    query = statements.source(verb, reach="everywhere")
    (line,) = re.findall(r"^ *INSERT INTO livedash\.session_processing_delta .*\n", query, re.MULTILINE)
    return line


MUTANTS = [
    Mutant(
        "settling needs no lease",
        {"settle": ("lease_token = (SELECT token FROM lease) AND", "")},
        partial(test_promises.test_a_stale_holder_changes_nothing_and_gets_no_ids_back, verb="complete"),
    ),
    Mutant(
        "failing needs no lease",
        {"fail": ("status.lease_token = (SELECT token FROM lease) AND", "")},
        partial(test_promises.test_a_stale_holder_changes_nothing_and_gets_no_ids_back, verb="fail"),
    ),
    Mutant(
        "a claim waits for another",
        {"due_everywhere": ("FOR UPDATE SKIP LOCKED", "FOR UPDATE")},
        test_locking.test_claiming_waits_for_no_lock,
    ),
    Mutant(
        "a claim does not lock what it takes",
        {"due_everywhere": ("FOR UPDATE SKIP LOCKED", "")},
        test_locking.test_claiming_waits_for_no_lock,
    ),
    Mutant(
        "a scoped claim waits for another",
        {"due_in_window": ("SKIP LOCKED", "")},
        partial(test_locking.test_claiming_within_a_scope_waits_for_no_lock, scope="window"),
    ),
    Mutant(
        "an attempt counts when it fails, not when it begins",
        {
            "claim": ("attempts = attempts + 1, ", ""),
            "fail": ("lease_token = NULL,", "lease_token = NULL, attempts = attempts + 1,"),
        },
        test_promises.test_a_crash_counts_as_an_attempt_and_a_release_does_not,
    ),
    Mutant(
        "an expired lease gives its attempt back",
        {"reclaim": ("lease_token = NULL,", "lease_token = NULL, attempts = attempts - 1,")},
        test_promises.test_a_crash_on_the_last_attempt_fails_the_session,
    ),
    Mutant(
        "a lease runs out when it was renewed",
        {"reclaim": ("AND expires_at <= now()", "")},
        test_promises.test_a_renewed_lease_does_not_expire,
    ),
    Mutant(
        "a release costs an attempt",
        {"release": ("attempts = attempts - 1, ", "")},
        test_promises.test_a_crash_counts_as_an_attempt_and_a_release_does_not,
    ),
    Mutant(
        "the next stage does not open",
        {"settle": ("SET available_at = now()", "SET available_at = next.available_at")},
        partial(test_promises.test_the_next_stage_opens_when_this_one_is_finished, verb="complete"),
    ),
    Mutant(
        "a failed row is due at once",
        {"fail": ("THEN now() + make_interval", "THEN now() - make_interval")},
        test_promises.test_a_transient_failure_is_retried_until_no_attempts_are_left,
    ),
    Mutant(
        "a transient failure is retried for ever",
        {"fail": ("AND status.attempts < :max_attempts", "AND status.attempts < :max_attempts + 1")},
        test_promises.test_a_transient_failure_is_retried_until_no_attempts_are_left,
    ),
    Mutant(
        "settling locks rows as it finds them",
        {"settle": ("ORDER BY session_id", "")},
        partial(test_locking.test_rows_are_locked_in_one_order, verb="complete"),
    ),
    *(
        Mutant(
            f"{verb} locks rows in an order of its own",
            {verb: ("session_id\n    FOR UPDATE", "session_id DESC\n    FOR UPDATE")},
            partial(test_locking.test_rows_are_locked_in_one_order, verb=verb),
        )
        for verb in ("fail", "release", "reclaim", "reset_failed")
    ),
    Mutant(
        "reopen locks the stages in the order of the alphabet",
        {"reopen": ("array_position(CAST(:stages AS text[]), stage) NULLS FIRST, session_id", "session_id, stage")},
        partial(test_locking.test_rows_are_locked_in_one_order, verb="reopen"),
    ),
    Mutant(
        "reopen looks at the stage before as it was",
        {
            "reopen": (
                "bool_or(holds_back) OVER (PARTITION BY session_id)",
                "EXISTS (SELECT FROM livedash.session_processing_status AS previous WHERE previous.stage = "
                ":previous_stage AND previous.session_id = locked.session_id AND previous.status = 'IN_PROGRESS')",
            )
        },
        test_locking.test_reopening_sees_a_previous_stage_that_is_settled_while_it_waits,
    ),
    Mutant(
        "reopen does not look at the stage before",
        {"reopen": ("bool_or(holds_back) OVER (PARTITION BY session_id)", "false")},
        test_locking.test_a_stage_reopened_behind_an_open_one_waits_for_it,
    ),
    Mutant(
        "settling does not hold the lease",
        {"settle": ("FOR KEY SHARE", "")},
        test_locking.test_a_lease_that_expires_while_its_holder_settles_is_not_reclaimed,
    ),
    Mutant(
        "a claim takes any company's",
        {"due_everywhere": ("id = ANY (CAST(:company_ids AS uuid[]))", "true")},
        test_promises.test_a_claim_takes_only_sessions_of_its_scope,
    ),
    Mutant(
        "a claim takes a suspended company's",
        {"due_everywhere": ("status = 'ACTIVE'", "true")},
        partial(test_promises.test_only_active_companies_are_claimed, scope=Scope()),
    ),
    Mutant(
        "a retry forgets its window",
        {"failed_in_window": ("session.started_at < coalesce", "'-infinity' < coalesce")},
        test_promises.test_reset_failed_changes_only_its_scope,
    ),
    Mutant(
        "the breakdown leaves out what is not folded",
        {"breakdown": ("FROM livedash.session_processing_delta", "FROM livedash.session_processing_delta WHERE false")},
        test_promises.test_the_breakdown_adds_up_and_folding_changes_nothing_visible,
    ),
    Mutant(
        "settling does not say how long it took",
        {"settle": ("now() - started_at", "now() - now()")},
        partial(test_activity.test_throughput_and_durations_are_right_within_a_tenth, folded=True),
    ),
    Mutant(
        "the fold forgets the activity",
        {"fold": ("WHERE slot IS NOT NULL", "WHERE false")},
        partial(test_activity.test_throughput_and_durations_are_right_within_a_tenth, folded=True),
    ),
    Mutant(
        "two folds count a delta twice",
        {
            "fold": (
                "DELETE FROM livedash.session_processing_delta\n    WHERE",
                "UPDATE livedash.session_processing_delta\n    SET sessions = sessions WHERE",
            )
        },
        test_locking.test_folding_moves_only_committed_deltas_and_readers_see_no_difference,
    ),
    *(
        Mutant(
            f"{statement} writes no count deltas",
            {statement: (_insert_of_deltas(statement), "")},
            partial(test_counts.test_the_counts_equal_a_recount_after, verb=statement),
        )
        for statement in test_counts.VERBS
    ),
    *(
        Mutant(
            f"{statement} does not subtract from the failure group",
            {statement: ("error_group, -count(*)", "error_group, 0 * count(*)")},
            partial(
                test_failure_groups.test_sessions_leave_their_group_when_they_are_retried,
                way_out=statement,
                folded=True,
            ),
        )
        for statement in ("reset_failed", "reopen")
    ),
    Mutant(
        "a fold of the failures counts them twice",
        {
            "fold_failures": (
                "DELETE FROM livedash.session_failure_delta\n    WHERE",
                "UPDATE livedash.session_failure_delta\n    SET sessions = sessions WHERE",
            )
        },
        test_failure_groups.test_folding_changes_nothing_visible,
    ),
]


@pytest.fixture
def broken_sql(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> Iterator[None]:
    """Use the mutant's SQL instead of the real one."""
    intact = statements.source

    def source(name: str, **choices: str) -> str:
        found = intact(name, **choices)
        if name not in mutant.changes:
            return found
        before, after = mutant.changes[name]
        assert found.count(before) == 1, f"{name}.sql has this {found.count(before)} times: {before}"
        return found.replace(before, after)

    # What one file includes is asked for by its own name, so a mutant of it is found there, too.
    monkeypatch.setattr(statements, "source", source)
    statements.statement.cache_clear()
    for name in mutant.changes:
        source(name, reach="everywhere")
    yield
    monkeypatch.undo()
    statements.statement.cache_clear()


@pytest.mark.usefixtures("broken_sql")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_test_fails_with_the_mutant(
    mutant: Mutant,
    records: Records,
    company_id: UUID,
    engine: Engine,
    connection: Connection,
) -> None:
    killer = mutant.killer.func if isinstance(mutant.killer, partial) else mutant.killer
    offered: dict[str, Any] = {
        "records": records,
        "company_id": company_id,
        "engine": engine,
        "connection": connection,
        "manager": ProcessingStatusManager(connection, max_attempts=3),
    }
    wanted = killer.__code__.co_varnames[: killer.__code__.co_argcount]

    with pytest.raises((AssertionError, DBAPIError, LiveDashError)):
        mutant.killer(**{name: offered[name] for name in wanted if name in offered})
