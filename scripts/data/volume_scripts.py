"""Shell scripts that helper containers run: each finds a folder per volume where it starts.

They need sh, coreutils and GNU tar. What stands for a volume while it is replaced lies hidden in
that volume, because only within one file system is a rename one step.
"""

from collections.abc import Mapping

MARK = ".memos-dev-"
"""How the names of hidden folders begin; no program of the stack ever sees one, but for OLD while
the services start on what was restored."""
NEW = f"{MARK}new"
"""What was unpacked."""
PART = f"{MARK}part"
"""What was there before, while it moves."""
OLD = f"{MARK}old"
"""What was there before, all of it."""

SURVEY = f"""\
set -eu
tar --version | grep -q 'GNU tar' || {{ echo 'its tar is not GNU tar' >&2; exit 1; }}
for volume in *; do
    [ -d "$volume" ] || continue
    used=$(du --summarize --block-size=1 "$volume" | cut -f 1)
    echo "$volume $used $(stat --file-system --format='%a %S' "$volume")"
    for kept in {OLD} {PART}; do
        [ ! -e "$volume/$kept" ] || echo "$volume $kept"
    done
done
"""
"""A line a volume: key, bytes used, free blocks of its disk, bytes of a block; and one with key and
name for what stands beside the data while it is replaced."""

PACK = f"""\
exec tar --create --file=- --blocking-factor=256 --xattrs --sparse --numeric-owner \
--sort=name --exclude='{MARK}*' -- *
"""

UNPACK = f"""\
set -eu
for volume in *; do
    for kept in {OLD} {PART}; do
        [ ! -e "$volume/$kept" ] || {{ echo "$kept is in the volume $volume" >&2; exit 3; }}
    done
    rm -rf "$volume/{NEW}"
    mkdir "$volume/{NEW}"
done
tar --extract --file=- --xattrs --xattrs-include='*' --numeric-owner --same-owner \
--same-permissions --delay-directory-restore --transform='s,^[^/]*,&/{NEW},S'
for volume in *; do sync --file-system "$volume"; done
"""
"""Reads a tar from stdin; the flag S keeps the transformation away from symlinks' targets."""

TURN = f"""\
set -eu
for volume in *; do
    [ -d "$volume" ] || continue
    [ -d "$volume/{NEW}" ] || [ ! -d "$volume/{OLD}" ] || mv -T "$volume/{OLD}" "$volume/{NEW}"
done
"""
"""Lets SWAP bring back what was there before; a volume without it stays as it is."""

SWAP = f"""\
set -eu
move() {{
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$entry" ] || [ -L "$entry" ] || continue
        case "${{entry##*/}}" in {MARK}*) continue ;; esac
        mv "$entry" "$2"
    done
}}
alike() {{
    chown --reference="$1" "$2"
    chmod --reference="$1" "$2"
    touch --reference="$1" "$2"
}}
for volume in *; do
    [ -d "$volume/{NEW}" ] || continue
    if [ ! -d "$volume/{OLD}" ]; then
        mkdir -p "$volume/{PART}"
        alike "$volume" "$volume/{PART}"
        move "$volume" "$volume/{PART}"
        sync --file-system "$volume"
        mv -T "$volume/{PART}" "$volume/{OLD}"
    fi
    move "$volume/{NEW}" "$volume"
    alike "$volume/{NEW}" "$volume"
    sync --file-system "$volume"
    rmdir "$volume/{NEW}"
done
"""
"""Each step is one rename, and what is there says which come next: it can be run again after it
was ended anywhere. PART says that the old data is still leaving, OLD that all of it has left."""


def younger_than(since: Mapping[str, int]) -> str:
    """Return what prints each volume in which nothing is older than that (seconds since 1970)."""
    asked = (
        f"older=$(find {key} -mindepth 1 -not -name '{MARK}*' -not -newermt @{moment} -print"
        f' -quit)\n[ -n "$older" ] || echo {key}'
        for key, moment in since.items()
    )
    return "\n".join(("set -eu", *asked, ""))


def _removing(*names: str) -> str:
    """Return what removes hidden folders: on the disk, before the journal forgets them."""
    paths = " ".join(f'"$volume/{name}"' for name in names)
    return f"""\
set -eu
for volume in *; do
    [ -d "$volume" ] || continue
    rm -rf {paths}
    sync --file-system "$volume"
done
"""


DISCARD = _removing(NEW)
CLEAN = _removing(OLD, PART, NEW)
