"""How we speak to Docker: finding an engine, its API, its events, its containers.

May import core and machine. `private` brings an engine where there is none, `remote` holds the
link to one on another machine, `source` brings `MEMOS_SRC` there, `swarm` asks a manager and its
nodes as one engine.
"""
