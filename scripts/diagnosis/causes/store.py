"""Causes that etcd, an S3 store (MinIO, SeaweedFS) and Milvus tell.

Texts marked "recorded" come from etcd 3.5.16, SeaweedFS and Milvus 2.3.5 with the fault made.
"""

import re
from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.look import Container, Look
from scripts.core.stack import Service
from scripts.diagnosis.evidence import (
    again,
    finding,
    heard,
    hopeless,
    last,
    neighbour,
    over,
    reset,
    unreachable,
)


def etcd_no_space(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The quota is used up and etcd read-only until somebody clears the alarm; recorded."""
    found = last(
        heard(service, container, seen),
        r"Active Alarm\(s\): NOSPACE",  # etcdctl endpoint health
        r"\"alarm raised\",\"alarm\":\"NOSPACE\"",
        r"mvcc: database space exceeded",  # what clients such as Milvus get
        r"refused a write; see its log \(out of space\?\)",  # our Milvus image
    )
    if found:
        etcd = seen.container(neighbour("etcd", service, seen))
        name = etcd.name if etcd is not None else container.name
        tool = f"docker exec {name} etcdctl"
        yield from finding(
            service,
            "etcd-no-space",
            "etcd has used up its quota (alarm NOSPACE) and takes no more writes",
            found,
            f"{tool} defrag --command-timeout=60s && {tool} alarm disarm, then: inv up;"
            f" when it fills up again: {reset(service)}",
        )


def etcd_version(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its data was written by a newer etcd; server/etcdserver/api/membership/downgrade.go."""
    found = last(
        heard(service, container, seen),
        r"server version is lower than determined cluster version",
        r"cluster cannot be downgraded",  # 3.3, https://github.com/kubernetes/kubernetes/issues/54027
    )
    if found:
        yield from finding(
            service,
            "data-version",
            f"its data was written by a newer version than {service.image}",
            found,
            f"put the former image of {service.name} back into .env, then: inv up;"
            f" or {reset(service)}",
        )


def etcd_damaged(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its files are damaged; the first three recorded, others from etcd's issues 5664, 6191."""
    found = last(
        heard(service, container, seen),
        r"(?:walpb|snap): crc mismatch",
        r"failed to open database.*(?:invalid database|checksum|version mismatch|file size)",
        # a log of which nothing could be read: it does not know who it is
        r"panic: cannot use none as id",
        r"cannot be repaired|wal: file not found|file size too small",
        r"is out of range \[|snapshot file doesn't exist",
    )
    if found:
        yield from _damaged(service, found, "etcd's files")


def rocksdb_damaged(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """RocksDB's status, in Milvus' queue or Qdrant's segments (rocksdb, util/status.cc)."""
    told = heard(service, container, seen)
    if found := last(told, r"\bCorruption: ", r"failed to open rocksdb"):
        yield from _damaged(service, found, "its RocksDB")


def s3_damaged(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """MinIO cannot read its drive (https://github.com/minio/minio/issues/12248, 16087, 15999)."""
    found = last(
        heard(service, container, seen),
        r"found backend type \w+, expected|Unknown xl meta version|expected format-type",
        r"holds data of a real MinIO",  # our stand-in
    )
    if found:
        yield from finding(
            service,
            "data-version",
            f"its data was written by another store or version than {service.image}",
            found,
            f"put the former image of {service.name} back into .env, then: inv up;"
            f" or {reset(service)}",
        )
        return
    found = last(heard(service, container, seen), r"corrupted backend format", r"file is corrupted")
    if found:
        yield from _damaged(service, found, "the object store's files")


def s3_login_unfit(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The store refuses its own login as too short or odd; MinIO and our stand-in."""
    found = last(
        heard(service, container, seen),
        r"(?P<name>MINIO_ROOT_(?:USER|PASSWORD)) has \d+ characters, \d+ or more are needed",
        r"(?P<name>MINIO_ROOT_USER and MINIO_ROOT_PASSWORD) can't hold",
        # minio, internal/auth/credentials.go
        r"(?P<name>)[Aa]ccess key length should be at least|secret key length at least",
    )
    if found:
        yield from finding(
            service,
            "login-invalid",
            f"{found['name'] or 'MINIO_ROOT_USER or MINIO_ROOT_PASSWORD'} is too short or unfit",
            found,
            "MINIO_ROOT_USER (3 characters or more) and MINIO_ROOT_PASSWORD (8 or more) in .env,"
            f" then: {again(service)}",
        )


def s3_login_rejected(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A client's key is not the store's: the client's lines and SeaweedFS' own; recorded."""
    found = last(
        heard(service, container, seen),
        r"(?i)access key id you provided does not exist",
        r"(?i)request signature we calculated does not match",
        r"failed to check blob bucket exist.*Access Denied",
        r"InvalidAccessKeyId|SignatureDoesNotMatch",
    )
    if found:
        yield from finding(
            service,
            "s3-login-rejected",
            "the object store rejects the key that it is called with",
            found,
            "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD in .env must be one pair for the store and"
            " its clients (nothing else may set MINIO_ACCESS_KEY_ID); then: inv up",
        )


def s3_part_ended(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A process of our stand-in ended; its own lines stand above."""
    told = heard(service, container, seen)
    if found := last(told, r"a part of SeaweedFS ended by itself", r"^minio stand-in: .+"):
        why = last(told, r"^F\d{4} .+", r"(?i)\bfatal\b.+", r"^panic: .+")
        yield from finding(
            service,
            "part-ended",
            "a part of the object store ended by itself",
            why or found,
            f"inv logs --service {service.name} --tail 400",
            fatal=over(container),
        )


def milvus_login_unfit(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Our Milvus image refuses the password; it says the length, never the password."""
    told = heard(service, container, seen)
    if found := last(told, r"COMMON_SECURITY_DEFAULTROOTPASSWORD (?:has|holds) .+"):
        yield from finding(
            service,
            "login-invalid",
            "the root password is too long, empty, or holds a control character",
            found,
            f"MILVUS_PASSWORD in .env, 6 to 72 bytes; then: {again(service)}",
        )


def waits_for_etcd(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """It calls etcd in vain; recorded, and https://github.com/milvus-io/milvus/issues/41106."""
    found = last(
        heard(service, container, seen),
        # our Milvus image, which says so too when the wait is over
        r"milvus: (?:no answer from etcd at http://(?P<host>[\w.-]+)|(?P<over>etcd) answers)",
        r"etcd-endpoints://\w+/(?P<host>[\w.-]+):\d+\".*(?:DeadlineExceeded|Unavailable)",
        r"(?P<host>)failed to create etcd client|connect(?:ing)? to etcd failed",
        r"(?P<host>)[Dd]isconnected from etcd",
    )
    if found and not found.groupdict().get("over"):
        need = neighbour(found["host"] or "etcd", service, seen)
        fatal = hopeless(service, container, seen)
        yield from unreachable(service, seen, found, need, fatal=fatal)


def waits_for_s3(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """It calls the object store in vain; recorded."""
    found = last(
        heard(service, container, seen),
        r"milvus: (?:no answer from the object store at http://(?P<host>[\w.-]+)"
        r"|(?P<over>the object store) answers)",
        r"blob bucket exist.*https?://(?P<host>[\w.-]+).*"
        r"(?:refused|no such host|timeout|no route|deadline)",
    )
    if found and not found.groupdict().get("over"):
        need = neighbour(found["host"], service, seen)
        fatal = hopeless(service, container, seen)
        yield from unreachable(service, seen, found, need, fatal=fatal)


def no_full_text(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Preference memory on a Milvus before 2.5; measured with 2.3.5."""
    told = heard(service, container, seen)
    if found := last(told, r"create index on 104 field is not supported"):
        yield from finding(
            service,
            "milvus-too-old",
            "preference memory needs Milvus 2.5 or later (full-text search)",
            found,
            f"ENABLE_PREFERENCE_MEMORY=false in .env, then: {again(service)}",
        )


def _damaged(service: Service, found: re.Match[str], what: str) -> Iterator[Finding]:
    yield from finding(
        service, "data-damaged", f"{what} are damaged and cannot be read", found, reset(service)
    )
