"""An `ssh` for PATH that goes nowhere: what is asked of the other machine is done on this one."""

from pathlib import Path

SSH = """#!/bin/sh
here={folder}
printf '%s\\n' "$*" >>$here/calls
for word; do
    case $before in -S) control=$word ;; -O) does=$word ;; -L) spec=$word ;; esac
    case $word in -N) does=hold ;; -T) does=run ;; esac
    case $word in ControlPath=*) control=${{word#ControlPath=}} ;; esac
    before=$word last=$word
done
case $does in
    hold)
        [ ! -e $here/refuse ] || {{ cat $here/refuse >&2; exit 255; }}
        rm -f $here/cut
        : >"$control"
        trap 'exit 255' TERM
        until [ -e $here/cut ]; do sleep 0.02; done
        cat $here/cut >&2
        exit 255 ;;
    forward)
        [ ! -e $here/prohibit ] || {{ cat $here/prohibit >&2; exit 255; }}
        case $spec in /*) ln -sf "${{spec#*:}}" "${{spec%%:*}}" ;; esac ;;
    run) exec sh -c "$last" ;;
esac
"""


class FakeSsh:
    """The program, and what a test lets happen to it."""

    def __init__(self, folder: Path) -> None:
        """Put it into a folder, which goes to the front of PATH."""
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "calls").touch()
        program = folder / "ssh"
        program.write_text(SSH.format(folder=folder))
        program.chmod(0o755)

    def refuse(self, *lines: str) -> None:
        """Let no connection be made from now on; without lines let them be made again."""
        self._let("refuse", lines)

    def prohibit(self, *lines: str) -> None:
        """Forward nothing from now on; without lines do again."""
        self._let("prohibit", lines)

    def cut(self, line: str = "Connection to far closed by remote host.") -> None:
        """End the connection that there is."""
        self._let("cut", (line,))

    def calls(self, word: str) -> list[str]:
        """Return the calls with this word among theirs."""
        return [one for one in (self.folder / "calls").read_text().splitlines() if word in one]

    def _let(self, name: str, lines: tuple[str, ...]) -> None:
        file, fresh = self.folder / name, self.folder / f"{name}.new"
        if lines:
            fresh.write_text("\n".join((*lines, "")))
            fresh.rename(file)
        else:
            file.unlink()
