"""Queries and actions that the command line and the pages share."""
