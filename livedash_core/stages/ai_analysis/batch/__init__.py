"""Sessions that a model analyses in batches: prepared, sent, looked after and collected, each step re-enterable.

Only ``choosing`` is light. The rest speaks to a model server and is imported when there is something to send.
"""
