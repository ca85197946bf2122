"""moto's ECR with its signature check on, and a user who may do anything with ECR. Prints one JSON line; ends with its parent.

    python3 moto-peer.py
"""
import json
import os
import signal
import time

signal.pthread_sigmask(signal.SIG_SETMASK, [])  # it was started from a thread that takes no signals
# Three calls pass unchecked: they make the user whose signatures are checked from then on.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"

import botocore.session
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
iam = botocore.session.Session().create_client(
    "iam", region_name="us-east-1", endpoint_url=f"http://{host}:{port}", aws_access_key_id="a", aws_secret_access_key="b")
iam.create_user(UserName="pull")
key = iam.create_access_key(UserName="pull")["AccessKey"]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}
iam.put_user_policy(UserName="pull", PolicyName="ecr", PolicyDocument=json.dumps(policy))
print(json.dumps({"port": port, "key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.5)
