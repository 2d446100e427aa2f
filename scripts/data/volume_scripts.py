"""Shell scripts that helper containers run: each finds a folder per volume where it starts.

They need sh, coreutils and GNU tar. What stands for a volume while it is replaced lies hidden in
that volume, because only within one file system is a rename one step.
"""

from collections.abc import Iterable, Mapping

MARK = ".memos-dev-"
"""How the names of hidden folders begin; no program of the stack ever sees one, but for OLD while
the services start on what was restored."""
NEW = f"{MARK}new"
"""What was unpacked."""
PART = f"{MARK}part"
"""What was there before, while it moves."""
OLD = f"{MARK}old"
"""What was there before, all of it."""

ODD = "it holds what no program of the stack leaves"
"""How what was unpacked is refused."""

SURVEY = f"""\
set -eu
find . -prune >/dev/null
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
tar --extract --file=- --ignore-zeros --xattrs --xattrs-include='*' --numeric-owner \
--same-owner --same-permissions --delay-directory-restore --transform='s,^[^/]*,&/{NEW},S'
refuse() {{ echo "{ODD}: $1" >&2; exit 4; }}
for volume in *; do
    [ -d "$volume/{NEW}" ] && [ ! -L "$volume/{NEW}" ] || refuse "$volume, which is no folder"
    for entry in "$volume/{NEW}/{MARK}"*; do
        [ ! -e "$entry" ] && [ ! -L "$entry" ] || refuse "a mark of ours in $volume"
    done
    odd=$(find "$volume/{NEW}" \\( -type b -o -type c -o -type f -perm /6000 \\) -print -quit)
    [ -z "$odd" ] || refuse 'a device, or a program that runs as its owner'
    sync --file-system "$volume"
done
"""
"""Reads tars from stdin, one after the other; the flag S keeps the transformation away from
symlinks' targets. What was unpacked is looked at before it takes the place of anything: it may come
from anybody."""


def unpack_without(others: Iterable[str]) -> str:
    """Return UNPACK without what is of these volumes, which are elsewhere."""
    words = "".join(f" --anchored --exclude={key}" for key in others)
    return UNPACK.replace("tar --extract", f"tar --extract{words}")


_TOOLS = f"""\
set -eu
own() {{
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$entry" ] || [ -L "$entry" ] || continue
        case "${{entry##*/}}" in {MARK}*) continue ;; esac
        "$2" "$entry" "$3"
    done
}}
move() {{ own "$1" mv "$2"; }}
remove() {{ own "$1" rm -rf; }}
alike() {{
    chown --reference="$1" "$2"
    chmod --reference="$1" "$2"
    touch --reference="$1" "$2"
}}
"""

SWAP = f"""\
{_TOOLS}
for volume in *; do
    [ -d "$volume/{NEW}" ] && [ ! -L "$volume/{NEW}" ] || continue
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
    rm -rf "$volume/{NEW}"
done
"""
"""Each step is one rename, and what is there says which come next: it can be run again after it
was ended anywhere. PART says that the old data is still leaving, OLD that all of it has left."""

BACK = f"""\
{_TOOLS}
for volume in *; do
    [ -d "$volume" ] || continue
    if [ -d "$volume/{OLD}" ]; then
        remove "$volume"
        alike "$volume/{OLD}" "$volume"
        sync --file-system "$volume"
        mv -T "$volume/{OLD}" "$volume/{PART}"
    fi
    if [ -d "$volume/{PART}" ]; then
        move "$volume/{PART}" "$volume"
        sync --file-system "$volume"
        rm -rf "$volume/{PART}"
    fi
    rm -rf "$volume/{NEW}"
    sync --file-system "$volume"
done
"""
"""Brings back what was there before from wherever SWAP was ended, and can be ended anywhere itself.
PART says here too that some of the old data is in it, and the rest in its place."""


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
