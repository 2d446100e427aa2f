"""Words and tools that every room may use; imports no other room.

The frozen values of the stack and of one look at it, errors and exit codes, the one way to start a
process, the one loop that polls.
"""
