"""Which images are there, and having them: built here (`building`, `jobs`), pulled, or loaded.

May import core, machine, engine, config and diagnosis. `bundle` carries them to another machine.
"""
