"""Milvus' template becomes the configuration of a standalone server, or the image build stops."""

import lzma
from pathlib import Path

import milvus_tree
import pytest

TEMPLATE = """\
# of etcd: {{ nothing }}
etcd:
  rootPath: by-dev # where data is stored
  use:
    embed: true # whether to run one inside
  data:
    dir: {{ etcd_data_dir }}
proxy:
  # ip: 10.0.0.1
  ip: # the first address by default
  port: {{ proxy_port(int): 19530 }}
  # ssl:
tls:
  path: {{ server_pem_path: server.pem }}
  embed: 1
"""


def test_a_field_takes_its_value_else_its_default() -> None:
    """`{{ name(type): default }}` with and without type, default and value."""
    template = "a: {{ dir }}\nb: {{ port(int): 19530 }}\nc: {{ path: x.pem }} # {{on(bool): false}}"

    filled = milvus_tree.fill_fields(template, {"dir": "/data", "path": "y.pem"})

    assert filled == "a: /data\nb: 19530\nc: y.pem # false"


def test_a_field_without_a_value_and_a_value_without_a_field_stop_the_build() -> None:
    """Each by its name: a field renamed in another wheel would otherwise go unseen."""
    with pytest.raises(ValueError, match="'etcd_data_dir'"):
        milvus_tree.fill_fields("dir: {{ etcd_data_dir }}", {})
    with pytest.raises(ValueError, match=r"\['old_name'\]"):
        milvus_tree.fill_fields("a: 1", {"old_name": "x"})


def test_a_setting_changes_only_the_line_under_its_whole_key() -> None:
    """Comments stay, and a key of the same name elsewhere keeps its value."""
    changed = milvus_tree.change_settings(
        TEMPLATE, {"etcd.use.embed": "false", "proxy.ip": "127.0.0.1"}
    )

    before, after = TEMPLATE.splitlines(), changed.splitlines()
    assert [line for line in after if line not in before] == [
        "    embed: false # whether to run one inside",
        "  ip: 127.0.0.1 # the first address by default",
    ]
    assert len(after) == len(before)


def test_a_setting_that_is_not_there_stops_the_build() -> None:
    """The error names the key."""
    with pytest.raises(ValueError, match=r"\['etcd.embed'\]"):
        milvus_tree.change_settings(TEMPLATE, {"etcd.embed": "false"})


def test_the_wheel_becomes_the_official_images_folders(tmp_path: Path) -> None:
    """Program, libraries and settings, unpacked; glibc's own library stays behind."""
    packed = tmp_path / "data/bin"
    packed.mkdir(parents=True)
    for name in ("milvus", "libknowhere.so", "libresolv.so.2"):
        (packed / f"{name}.lzma").write_bytes(lzma.compress(name.encode()))
    fields = "".join(f"{name}: {{{{ {name} }}}}\n" for name in milvus_tree.FIELDS)
    settings = "".join(
        f"{key.split('.')[0]}:\n"
        + "".join(f"{'  ' * depth}{word}:\n" for depth, word in enumerate(key.split(".")) if depth)
        for key in milvus_tree.SETTINGS
    )
    (tmp_path / "data/config.yaml.template").write_text(fields + settings)

    milvus_tree.unpack(tmp_path / "data", tmp_path / "milvus")

    tree = tmp_path / "milvus"
    assert (tree / "bin/milvus").read_bytes() == b"milvus"
    assert (tree / "bin/milvus").stat().st_mode & 0o111
    assert [path.name for path in (tree / "lib").iterdir()] == ["libknowhere.so"]
    assert "    embed: false\n" in (tree / "configs/milvus.yaml").read_text()
    assert (tree / "configs/glog.conf").exists()
