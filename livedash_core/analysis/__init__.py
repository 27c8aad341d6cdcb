"""Analyse sessions: the contract of an analyzer, and the two built-in ones (a language model and offline rules)."""
