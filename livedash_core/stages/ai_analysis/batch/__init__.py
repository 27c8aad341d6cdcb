"""Batch analysis: sessions are collected in a batch, sent, polled and settled, each step resumable after a crash.

Only ``selection`` is light. The other modules import the analyzers, when there is a batch to send or to poll.
"""
