"""At image build: turns the installed `milvus` wheel into the official image's /milvus tree."""

import lzma
import re
import shutil
import sys
from pathlib import Path

# The wheel serves an embedded Milvus; these are the values of a standalone one with etcd and MinIO.
FIELDS = {
    "etcd_data_dir": "/var/lib/milvus/etcd",
    "local_storage_dir": "/var/lib/milvus/data/",
    "rocksmq_data_dir": "/var/lib/milvus/rdb_data",
    "system_log_path": '""',
}
# Milvus leaves each component's address in etcd. The container's own address would be wrong after
# `down` and `up`, and Milvus tries such a dead address for 40 s; the loopback one stays right.
SETTINGS = {
    "etcd.use.embed": "false",
    "common.storageType": "remote",
    "rootCoord.ip": "127.0.0.1",
    "proxy.ip": "127.0.0.1",
    "queryCoord.ip": "127.0.0.1",
    "queryNode.ip": "127.0.0.1",
    "indexNode.ip": "127.0.0.1",
    "dataCoord.ip": "127.0.0.1",
    "dataNode.ip": "127.0.0.1",
}
# The C++ half logs to files under the working directory by default.
GLOG = "--logtostderr=true\n--minloglevel=1\n"
# Part of glibc: an older copy beside the system's newer libc asks for trouble.
LEFT_OUT = {"libresolv.so.2"}

FIELD = re.compile(r"\{\{\s*(?P<name>\w+)(?:\(\w+\))?\s*(?::\s*(?P<default>[^}]*?))?\s*\}\}")
KEY = re.compile(r"(?P<indent> *)(?P<key>\w+):(?P<rest>.*)")


def fill_fields(template: str, values: dict[str, str]) -> str:
    """Return `template` with each `{{ name(type): default }}` replaced by its value or its default.

    Raises ValueError for a field with neither, and for a value that no field asks for.
    """
    unused = set(values)

    def value(field: re.Match[str]) -> str:
        name, default = field["name"], field["default"]
        unused.discard(name)
        if name in values:
            return values[name]
        if default is None:
            raise ValueError(f"the field {name!r} of Milvus' template has no value and no default")
        return str(default)

    filled = FIELD.sub(value, template)
    if unused:
        raise ValueError(f"Milvus' template has no field named {sorted(unused)}")
    return filled


def change_settings(yaml: str, settings: dict[str, str]) -> str:
    """Return `yaml` with the values under the dotted keys of `settings` replaced, comments kept.

    Works on lines (two blanks a level), so that Milvus' own comments and order stay. Raises
    ValueError for a key that is not there.
    """
    unused = set(settings)
    path: list[str] = []
    lines = []
    for line in yaml.splitlines():
        found = KEY.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        path[len(found["indent"]) // 2 :] = [found["key"]]
        dotted = ".".join(path)
        if dotted in settings:
            unused.discard(dotted)
            _, mark, comment = found["rest"].partition(" #")
            lines.append(f"{found['indent']}{found['key']}: {settings[dotted]}{mark}{comment}")
        else:
            lines.append(line)
    if unused:
        raise ValueError(f"Milvus' template has no setting named {sorted(unused)}")
    return "\n".join(lines) + "\n"


def unpack(data: Path, target: Path) -> None:
    """Write bin/, lib/ and configs/ under `target` from the wheel's folder `milvus/data`."""
    for name in ("bin", "lib", "configs"):
        (target / name).mkdir(parents=True)
    for packed in (data / "bin").glob("*.lzma"):
        if packed.stem in LEFT_OUT:
            continue
        file = target / ("bin" if packed.stem == "milvus" else "lib") / packed.stem
        with lzma.open(packed) as source, file.open("wb") as out:
            shutil.copyfileobj(source, out)
        file.chmod(0o755)
    template = (data / "config.yaml.template").read_text(encoding="utf-8")
    config = change_settings(fill_fields(template, FIELDS), SETTINGS)
    (target / "configs/milvus.yaml").write_text(config, encoding="utf-8")
    (target / "configs/glog.conf").write_text(GLOG, encoding="utf-8")


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
