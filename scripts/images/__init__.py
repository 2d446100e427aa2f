"""Having, building and pulling images.

May import core, machine, engine, config and diagnosis. `bundle` carries them to another machine.
"""
