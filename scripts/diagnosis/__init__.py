"""Pure: what a look means. Who is ready, what is wrong, whose fault it is, what to do next.

May import core alone, and nothing that asks.
"""
