"""Revisions of the tables, each in a file of `versions/`."""
