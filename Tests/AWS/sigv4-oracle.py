"""Random requests signed by botocore: one JSON object a line on standard output.

    python3 sigv4-oracle.py SEED COUNT
"""
import datetime
import json
import random
import sys
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

seed, count = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
LETTERS = "abcXYZ019-_.~ !\"#$%&'()*+,/:;<=>?@[]^`{|}é漢🐳"
TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789-"


def text(longest, letters=LETTERS, shortest=0):
    return "".join(random.choice(letters) for _ in range(random.randint(shortest, longest)))


for _ in range(count):
    now = datetime.datetime.fromtimestamp(random.randint(0, 4102444799), datetime.timezone.utc)
    botocore.auth.get_current_datetime = lambda *_, **__: now
    segments = [random.choice([text(8), ".", "..", "", "plain"]) for _ in range(random.randint(0, 5))]
    path = "/" + "/".join(quote(segment, safe="") if segment not in (".", "..") else segment for segment in segments)
    query = [(text(6, shortest=1), text(8)) for _ in range(random.randint(0, 5))]
    if query and random.random() < 0.3:
        query.append((query[0][0], text(8)))
    host = random.choice(["api.ecr.eu-west-1.amazonaws.com", "localhost:4566", "[::1]:8443"])
    fields = [("Host", host), ("Content-Type", "application/x-amz-json-1.1")]
    fields += [("X-Amz-" + text(8, TOKEN, 1), text(12, "abc  \t,;=é") + "x") for _ in range(random.randint(0, 3))]
    fields += [(random.choice(["User-Agent", "Expect", "X-Amzn-Trace-Id", "Connection"]), "unsigned")]
    body = text(200)
    url = "https://" + host + path
    if query:
        url += "?" + "&".join(quote(n, safe="-_.~") + "=" + quote(v, safe="-_.~") for n, v in query)
    request = AWSRequest(method=random.choice(["GET", "POST", "PUT"]), url=url, data=body.encode())
    for name, value in fields:
        request.headers.add_header(name, value)
    keys = Credentials("AKID" + text(12, TOKEN), text(40, LETTERS, 1), random.choice([None, text(300, "abc/+=", 1)]))
    region, service = random.choice(["us-east-1", "cn-north-1"]), random.choice(["ecr", "sts"])
    signer = botocore.auth.SigV4Auth(keys, service, region)
    signer.add_auth(request)
    print(json.dumps({
        "time": int(now.timestamp()), "method": request.method, "path": path, "query": query, "fields": fields, "body": body,
        "accessKey": keys.access_key, "secretKey": keys.secret_key, "token": keys.token, "region": region, "service": service,
        "date": request.headers["X-Amz-Date"], "authorization": request.headers["Authorization"],
    }))
