"""Random requests as botocore signs and sends them: one JSON object a line on standard output.

    python3 signed-requests.py SEED COUNT

Odd lines are signed in the Authorization header, even ones are presigned S3 URLs.
"""
import datetime
import json
import random
import sys
from urllib.parse import quote, urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

seed, count = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
LETTERS = "abcXYZ019-_.~ !\"#$%&'()*+,/:;<=>?@[]^`{|}é漢🐳"


def text(longest, letters=LETTERS, shortest=0):
    return "".join(random.choice(letters) for _ in range(random.randint(shortest, longest)))


def pairs():
    return "&".join(quote(text(6, shortest=1), safe="-_.~") + "=" + quote(text(8), safe="-_.~") for _ in range(random.randint(0, 4)))


for number in range(count):
    now = datetime.datetime.fromtimestamp(random.randint(0, 4102444799), datetime.timezone.utc)
    botocore.auth.get_current_datetime = lambda *_, **__: now
    keys = Credentials("AKID" + text(12, "ABC/xyz019"), text(40, LETTERS, 1), text(300, "abc/+=", 1) + ".0")
    region = random.choice(["eu-west-1", "cn-north-1"])
    service, query, body = random.choice(["ecr", "sts"]), pairs(), text(200)
    if number % 2:
        host = random.choice(["api.ecr.eu-west-1.amazonaws.com", "localhost:4566", "[::1]:8443"])
        if random.random() < 0.5:
            keys.token = None
        segments = [random.choice([quote(text(8), safe=""), ".", "..", "", "plain"]) for _ in range(random.randint(0, 5))]
        request = AWSRequest(
            method=random.choice(["GET", "POST", "PUT"]), url="https://" + host + "/" + "/".join(segments) + ("?" + query if query else ""),
            data=body.encode())
        request.headers.add_header("Host", host)
        request.headers.add_header("Content-Type", "application/x-amz-json-1.1")
        for _ in range(random.randint(0, 3)):
            request.headers.add_header("X-Amz-" + text(8, "abcdefghi-", 1), text(12, "abc  \t,;=") + "x")
        botocore.auth.SigV4Auth(keys, service, region).add_auth(request)
        request.headers.add_header("User-Agent", "unsigned")
    else:
        host = f"prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com"
        path = "/" + "/".join(quote(text(8, shortest=1), safe="") for _ in range(2))
        request = AWSRequest(method="GET", url="https://" + host + path + ("?" + query if query else ""))
        botocore.auth.S3SigV4QueryAuth(keys, "s3", region, expires=3600).add_auth(request)
        request.headers.add_header("Host", host)
        service, body = "s3", ""
    parts = urlsplit(request.url)
    print(json.dumps({
        "time": int(now.timestamp()), "method": request.method, "path": parts.path, "query": parts.query, "body": body,
        "fields": [[name, value] for name, value in request.headers.items()], "accessKey": keys.access_key, "secretKey": keys.secret_key,
        "token": keys.token, "region": region, "service": service,
    }))
