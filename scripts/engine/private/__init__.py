"""The private engine: its files, processes and network, and how all of it goes away again.

Its names and paths are in `engine/places.py`, because who looks for an engine needs them too.
"""
