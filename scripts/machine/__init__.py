"""What this machine is and has: system, memory, ports, package settings; knows no engine.

May import core.
"""
