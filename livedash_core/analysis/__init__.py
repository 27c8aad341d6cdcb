"""Analysing a session: one contract, two makers (a language model, offline rules)."""
