"""Prompts in, responses with log-probabilities out."""
