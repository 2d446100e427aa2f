"""Bringing a stack up: checks before, the scheduler, and what is remembered of each start.

May import every room before it.
"""
