"""The data of the stack: saved, reset, restored, and finished when that was interrupted.

May import core, engine, config and images.
"""
