"""`python memos_reload` is the supervisor; it starts the template with words of its own."""

import sys
from pathlib import Path

# in the place of this folder, whose modules would hide others of the same name
sys.path[0] = str(Path(__file__).parent.parent)

if __name__ == "__main__":
    if sys.argv[1:]:
        from memos_reload import template

        template.main(*map(int, sys.argv[1:]))
    else:
        from memos_reload import supervisor

        sys.exit(supervisor.main())
