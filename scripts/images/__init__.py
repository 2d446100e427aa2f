"""Which images are there, and having them: `supply` has them built here, pulled, or loaded.

May import core, machine, engine, config and diagnosis. `bundle` carries them to another machine.
"""
