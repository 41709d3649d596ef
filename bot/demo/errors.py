"""What people who use the page try in vain. Knows no product: its sentences are the page's own."""

from __future__ import annotations


class Refused(Exception):
    """What somebody tried cannot be done; its text says why, to people."""
