"""An engine on another machine, reached over one ssh connection as if it were here.

`keeper` is the process that holds the connection for as long as a stack is there; `link` is how all
others find what it forwards, and run a command there over the same connection.
"""
