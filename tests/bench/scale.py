"""How much work each benchmark does. FULL has the sizes of the goals; SMALL only shows that everything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sessions unless the name says otherwise. ``rounds`` come after one round that does not count."""

    rounds: int
    #: Rounds of what takes a minute or more each.
    long_rounds: int
    #: Already done, so that no table is empty.
    settled: int
    jobs: int
    jobs_of_two_processes: int
    pgqueuer_jobs: int
    procrastinate_jobs: int
    leased: tuple[int, ...]
    blocked: int
    jobs_under_a_snapshot: int
    initialized: int
    large_backlog: int
    small_backlog: int
    recounts: int
    passed_again: int
    csv_rows: int
    large_csv_rows: int
    transcripts: int
    created: int
    long_run: int
    #: By a model that takes its time, and by one that does not.
    analysed_slowly: int
    analysed_at_once: int
    #: Seconds that the number of concurrent calls has to adapt to a model server.
    adaptation_seconds: int
    offline: int
    #: Through all stages, by a model that responds at once.
    through_all_stages: int
    #: With ten messages each.
    moved_in: int
    page_views: int
    #: Of the database, done before the measurement, in ascending order.
    sizes: tuple[int, ...]
    #: Of the two databases that pages and retention are compared in.
    very_large: tuple[int, int]
    #: Past their retention, in each of which ``long_rounds`` are measured.
    expired: int
    #: New to their company.
    questions: int
    #: Times that a new company goes through the chain of DAGs; four hops each.
    chains: int
    #: With a mapped Airflow task each.
    mapped: int


SMALL = Scale(
    rounds=2,
    long_rounds=1,
    settled=2_000,
    jobs=4_000,
    jobs_of_two_processes=8_000,
    pgqueuer_jobs=2_000,
    procrastinate_jobs=200,
    leased=(1_000,),
    blocked=10_000,
    jobs_under_a_snapshot=20_000,
    initialized=10_000,
    large_backlog=30_000,
    small_backlog=3_000,
    recounts=3,
    passed_again=5_000,
    csv_rows=5_000,
    large_csv_rows=20_000,
    transcripts=200,
    created=1_000,
    long_run=20_000,
    analysed_slowly=640,
    analysed_at_once=1_000,
    adaptation_seconds=8,
    offline=100,
    through_all_stages=600,
    moved_in=2_000,
    page_views=10,
    sizes=(1_000, 10_000),
    very_large=(6_000, 30_000),
    expired=500,
    questions=2_000,
    chains=1,
    mapped=20,
)
FULL = Scale(
    rounds=5,
    long_rounds=3,
    settled=60_000,
    jobs=20_000,
    jobs_of_two_processes=40_000,
    pgqueuer_jobs=10_000,
    procrastinate_jobs=2_000,
    leased=(1_000, 20_000),
    blocked=150_000,
    jobs_under_a_snapshot=200_000,
    initialized=100_000,
    large_backlog=1_000_000,
    small_backlog=10_000,
    recounts=5,
    passed_again=100_000,
    csv_rows=100_000,
    large_csv_rows=1_000_000,
    transcripts=2_000,
    created=10_000,
    long_run=1_000_000,
    analysed_slowly=3_200,
    analysed_at_once=5_000,
    adaptation_seconds=30,
    offline=1_000,
    through_all_stages=5_000,
    moved_in=100_000,
    page_views=100,
    sizes=(10_000, 100_000, 1_000_000, 10_000_000),
    very_large=(100_000, 10_000_000),
    expired=10_000,
    questions=100_000,
    chains=3,
    mapped=200,
)
SCALES = {"SMALL": SMALL, "FULL": FULL}
