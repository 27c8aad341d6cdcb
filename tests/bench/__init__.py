"""`make bench`: how fast it is, against hand-written SQL and other queues, in one run (docs/benchmarks.md)."""
