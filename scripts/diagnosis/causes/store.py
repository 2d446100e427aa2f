"""Causes that etcd, an S3 store (MinIO, SeaweedFS) and Milvus tell.

Texts marked "recorded" come from etcd 3.5.16, SeaweedFS and Milvus 2.3.5 with the fault made.
"""

import re

from scripts.core.finding import DOCKER, Finding
from scripts.core.texts import last
from scripts.diagnosis.failure import (
    Cause,
    Failure,
    damaged,
    data_version,
    known_by,
    unreachable,
)


@known_by(
    r"Active Alarm\(s\): NOSPACE",  # etcdctl endpoint health
    r"\"alarm raised\",\"alarm\":\"NOSPACE\"",
    r"mvcc: database space exceeded",
    of="etcd",
)
def etcd_no_space(failure: Failure, _: re.Match[str]) -> Cause:
    """The quota is used up and etcd read-only until somebody clears the alarm; recorded."""
    tool = f"exec {failure.container.name} etcdctl"
    return Cause(
        "etcd-no-space",
        "etcd has used up its quota (alarm NOSPACE) and takes no more writes",
        f"{DOCKER} {tool} defrag --command-timeout=60s && docker {tool} alarm disarm, then: inv up",
    )


@known_by(
    r"server version is lower than determined cluster version",
    r"cluster cannot be downgraded",  # 3.3, https://github.com/kubernetes/kubernetes/issues/54027
    of="etcd",
)
def etcd_version(failure: Failure, _: re.Match[str]) -> Cause:
    """Its data was written by a newer etcd; server/etcdserver/api/membership/downgrade.go."""
    return data_version(failure, "a newer version")


@known_by(
    r"(?:walpb|snap): crc mismatch",
    r"failed to open database.*(?:invalid database|checksum|version mismatch|file size)",
    # a log of which nothing could be read: it does not know who it is
    r"panic: cannot use none as id",
    r"cannot be repaired|wal: file not found|file size too small",
    r"is out of range \[|snapshot file doesn't exist",
    of="etcd",
)
def etcd_damaged(_failure: Failure, _match: re.Match[str]) -> Cause:
    """Its files are damaged; the first three recorded, others from etcd's issues 5664, 6191."""
    return damaged("etcd's files are damaged and cannot be read")


@known_by(r"\bCorruption: ", r"failed to open rocksdb")
def rocksdb_damaged(_failure: Failure, _match: re.Match[str]) -> Cause:
    """RocksDB's status, in Milvus' queue or Qdrant's segments (rocksdb, util/status.cc)."""
    return damaged("its RocksDB are damaged and cannot be read")


@known_by(
    r"found backend type \w+, expected|Unknown xl meta version|expected format-type",
    r"holds data of a real MinIO",  # our stand-in
    of="minio",
)
def s3_version(failure: Failure, _: re.Match[str]) -> Cause:
    """MinIO's drive has another shape (https://github.com/minio/minio/issues/16087, 15999)."""
    return data_version(failure, "another store or version")


@known_by(r"corrupted backend format", r"file is corrupted", of="minio")
def s3_damaged(_failure: Failure, _match: re.Match[str]) -> Cause:
    """MinIO cannot read its drive (https://github.com/minio/minio/issues/12248)."""
    return damaged("the object store's files are damaged and cannot be read")


@known_by(
    r"(?P<name>MINIO_ROOT_(?:USER|PASSWORD)) has \d+ characters, \d+ or more are needed",
    r"(?P<name>MINIO_ROOT_USER and MINIO_ROOT_PASSWORD) can't hold",
    # minio, internal/auth/credentials.go
    r"(?P<name>)[Aa]ccess key length should be at least|secret key length at least",
)
def s3_login_unfit(failure: Failure, match: re.Match[str]) -> Cause:
    """The store refuses its own login as too short or odd; MinIO and our stand-in."""
    return Cause(
        "login-invalid",
        f"{match['name'] or 'MINIO_ROOT_USER or MINIO_ROOT_PASSWORD'} is too short or unfit",
        "MINIO_ROOT_USER (3 characters or more) and MINIO_ROOT_PASSWORD (8 or more) in .env,"
        f" then: {failure.up}",
    )


@known_by(
    r"(?i)access key id you provided does not exist",
    r"(?i)request signature we calculated does not match",
    r"failed to check blob bucket exist.*Access Denied",
    r"InvalidAccessKeyId|SignatureDoesNotMatch",
)
def s3_login_rejected(_failure: Failure, _match: re.Match[str]) -> Cause:
    """A client's key is not the store's: the client's lines and SeaweedFS' own; recorded."""
    return Cause(
        "s3-login-rejected",
        "the object store rejects the key that it is called with",
        "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD in .env must be one pair for the store and"
        " its clients (nothing else may set MINIO_ACCESS_KEY_ID); then: inv up",
    )


@known_by(r"RequestTimeTooSkewed|difference between the request time and the (?:current|server's)")
def clocks_apart(_failure: Failure, _match: re.Match[str]) -> Cause:
    """An S3 store refuses with 403 what was signed 15 minutes before or after by its clock."""
    return Cause(
        "clocks-apart",
        "the clock of who asks and that of the engine's machine are more than 15 minutes apart",
        "set both (timedatectl set-ntp true; Docker Desktop: restart it after the machine slept);"
        " then: inv up",
        fatal=False,
    )


def s3_part_ended(failure: Failure) -> Finding | None:
    """A process of our stand-in ended; its own lines stand above."""
    match = last(failure.lines, r"a part of SeaweedFS ended by itself", r"^minio stand-in: .+")
    if match is None:
        return None
    cause = Cause(
        "part-ended",
        "a part of the object store ended by itself",
        f"inv logs --service {failure.name} --tail 400",
        fatal=failure.over,
    )
    why = last(failure.lines, r"^F\d{4} .+", r"(?i)\bfatal\b.+", r"^panic: .+")
    return failure.finding(cause, why or match)


@known_by(r"COMMON_SECURITY_DEFAULTROOTPASSWORD (?:has|holds) .+")
def milvus_login_unfit(failure: Failure, _: re.Match[str]) -> Cause:
    """Our Milvus image refuses the password; it says the length, never the password."""
    return Cause(
        "login-invalid",
        "the root password is too long, empty, or holds a control character",
        f"MILVUS_PASSWORD in .env, 6 to 72 bytes; then: {failure.up}",
    )


@known_by(
    # our Milvus image, which says so too when the wait is over
    r"milvus: (?:no answer from etcd at http://(?P<host>[\w.-]+)|(?P<over>etcd) answers)",
    r"etcd-endpoints://\w+/(?P<host>[\w.-]+):\d+\".*(?:DeadlineExceeded|Unavailable)",
    r"(?P<host>)failed to create etcd client|connect(?:ing)? to etcd failed",
    r"(?P<host>)[Dd]isconnected from etcd",
)
def waits_for_etcd(failure: Failure, match: re.Match[str]) -> Cause | None:
    """It calls etcd in vain; recorded, and https://github.com/milvus-io/milvus/issues/41106."""
    return _waits(failure, match, match["host"] or "etcd")


@known_by(
    r"milvus: (?:no answer from the object store at http://(?P<host>[\w.-]+)"
    r"|(?P<over>the object store) answers)",
    r"blob bucket exist.*https?://(?P<host>[\w.-]+).*"
    r"(?:refused|no such host|timeout|no route|deadline)",
)
def waits_for_s3(failure: Failure, match: re.Match[str]) -> Cause | None:
    """It calls the object store in vain; recorded."""
    return _waits(failure, match, match["host"])


def _waits(failure: Failure, match: re.Match[str], host: str) -> Cause | None:
    if match.groupdict().get("over"):
        return None
    return unreachable(failure, match, failure.neighbour(host), fatal=failure.hopeless)


@known_by(r"create index on 104 field is not supported")
def no_full_text(failure: Failure, _: re.Match[str]) -> Cause:
    """Preference memory on a Milvus before 2.5; measured with 2.3.5."""
    return Cause(
        "milvus-too-old",
        "preference memory needs Milvus 2.5 or later (full-text search)",
        f"ENABLE_PREFERENCE_MEMORY=false in .env, then: {failure.up}",
    )
