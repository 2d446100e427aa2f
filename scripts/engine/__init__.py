"""How we speak to Docker: finding an engine, its API, its events, its containers.

May import core and machine. `private` brings an engine where there is none.
"""
