"""What is typed: flags, one late import each, an exit code.

May import every room. The modules of tasks import theirs inside the tasks, so that `inv --list` and
a Tab stay fast.
"""
