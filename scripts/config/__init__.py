"""`.env` and the compose files: what they say, resolved once, and whether they keep the rules.

May import core, machine and engine.
"""
