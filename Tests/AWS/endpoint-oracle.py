"""The hosts that botocore calls: one JSON object a line on standard output, for each region, service, and choice of FIPS and
dual-stack. `rules`: by the service's endpoint rules; `table`: by the older table of hosts, which is also the documented list; null where
it has none.

    python3 endpoint-oracle.py
"""
import itertools
import json
from urllib.parse import urlsplit

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError

SERVICES = {"ecr": "ecr", "ecrPublic": "ecr-public", "sts": "sts", "sso": "sso", "ssoOIDC": "sso-oidc"}

session = botocore.session.Session()
loader = session.get_component("data_loader")
table = session.get_component("endpoint_resolver")
partitions = loader.load_data("partitions")
regions = [region for partition in partitions["partitions"] for region in partition["regions"] if not region.endswith("-global")]
# One that does not exist yet for each partition: its hosts are known all the same.
regions += [f"{region.rsplit('-', 1)[0]}-97" for region in ("eu-central-1", "us-gov-west-1", "cn-north-1", "us-isob-east-1", "eusc-de-east-1")]

for name, service in SERVICES.items():
    provider = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
    prefix = session.get_service_model(service).endpoint_prefix
    for region, fips, dual_stack in itertools.product(regions, (False, True), (False, True)):
        parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack}
        if service == "sts":
            parameters["UseGlobalEndpoint"] = False
        rules = urlsplit(provider.resolve_endpoint(**parameters).url).hostname
        try:
            found = table.construct_endpoint(prefix, region, use_fips_endpoint=fips, use_dualstack_endpoint=dual_stack)
        except BotoCoreError:
            found = None
        print(json.dumps({
            "service": name, "region": region, "fips": fips, "dualStack": dual_stack, "rules": rules,
            "table": found["hostname"] if found else None,
        }))
