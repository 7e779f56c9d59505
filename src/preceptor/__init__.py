"""Preceptor: turn a language model into an assistant with human feedback."""

__version__ = "0.1.0"
