"""Finders of personal data, one file for kinds that belong together: each takes a text and yields (start, end).

Every pattern is anchored at its left edge and bounded in length, so that time grows linearly with any text.
"""
