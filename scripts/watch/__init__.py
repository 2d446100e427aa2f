"""Asking what runs: state, answers, logs, use of the machine.

May import core, engine and diagnosis.
"""
