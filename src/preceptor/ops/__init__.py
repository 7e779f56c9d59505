"""The mathematics of RLHF as pure functions: torch only, no state, every constant passed in by name.

Shapes: B responses, T response tokens, L all tokens, N tokens without padding, D width, V vocabulary. A mask is True
where a token counts; what stands at masked places (NaN and inf included) changes neither a value nor a gradient.
"""
