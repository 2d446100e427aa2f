"""A reload that cannot hang: the old version of MemOS serves on until the new one can.

The supervisor owns the listening socket and starts no code of MemOS. The template has all
packages loaded and one thread, so it can be forked. Each version is such a fork: it imports and
connects while the version before it answers. docs/reload.md tells it to people.
"""
