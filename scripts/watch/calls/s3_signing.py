"""Pure: signs a request for an S3 server."""

import hashlib
import hmac
from datetime import datetime

from scripts.core.stack import Auth


def s3_headers(auth: Auth, host: str, path: str, now: datetime) -> dict[str, str]:
    """Return the headers that sign a bodiless GET for an S3 server (AWS Signature Version 4).

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"GET\n{path}\n\n{lines}\n{names}\n{empty}"
    scope = f"{day}/us-east-1/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{auth.password}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {
        **headers,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={auth.user}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}",
    }
