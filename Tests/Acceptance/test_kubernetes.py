"""deploy/kubernetes: what kubectl makes of it, against Kubernetes' schemas, and a pod's configuration run as a pod would."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate.utils
import pytest
import yaml

from conftest import StartGateway
from harness.manifests import DEPLOY, KUBERNETES, OVERLAYS, Manifest, configuration, only, overlay, pod, read_yaml, rendered
from harness.sandbox import Sandbox
from harness.tls import Certificate
from harness.wire import basic, request

OLDEST = 29
VERSIONS = sorted({f"1.{minor}" for version in kubernetes_validate.utils.all_versions() if (minor := int(version.split(".")[1])) >= OLDEST})
# The kinds that are not Kubernetes' own, with the keys that their definitions require.
CUSTOM = {"monitoring.coreos.com/v1": {"ServiceMonitor", "PrometheusRule"}, "cert-manager.io/v1": {"Certificate"}}
SECRETS = list(yaml.safe_load_all((KUBERNETES / "secrets.example.yaml").read_text()))
LABELS = {"app.kubernetes.io/name": "berth"}


@pytest.fixture(scope="module", autouse=True)
def _schemas_read_once() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
    yield
    patch.undo()


def all_manifests() -> dict[str, Manifest]:
    """Each different manifest once, by its place."""
    found: dict[str, Manifest] = {f"secrets.example.yaml {each['metadata']['name']}": each for each in SECRETS}
    for name in OVERLAYS:
        for each in overlay(name):
            if each not in found.values():
                found[f"{name} {each['kind']} {each['metadata']['name']}"] = each
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    assert len(VERSIONS) >= 8
    for place, manifest in all_manifests().items():
        if manifest["apiVersion"] in CUSTOM:
            assert manifest["kind"] in CUSTOM[manifest["apiVersion"]], place
            continue
        try:
            assert kubernetes_validate.utils.validate(manifest, version, strict=True) == version
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{place}: {error.message} at {list(error.absolute_path)}")


def test_no_field_is_newer_than_the_oldest_version_supports() -> None:
    # The schemas have fields of features that are off: `sleep` is one until 1.30.
    assert all("sleep" not in pod(overlay(name))["containers"][0]["lifecycle"]["preStop"] for name in OVERLAYS)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_pod_meets_the_restricted_standard(name: str) -> None:
    spec = pod(overlay(name))
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert len(spec["containers"]) == 1 and "initContainers" not in spec
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert all(set(volume) <= {"name", "configMap", "secret", "emptyDir"} for volume in spec["volumes"])
    writable = [mount["name"] for mount in spec["containers"][0]["volumeMounts"] if not mount.get("readOnly")]
    assert writable == (["cache"] if name == "cache" else [])
    assert spec["automountServiceAccountToken"] is False
    assert only(overlay(name), "ServiceAccount")["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_overlay_contains_a_secret(name: str) -> None:
    assert not [each for each in overlay(name) if each["kind"] == "Secret"]
    text = yaml.safe_dump(overlay(name))
    assert not re.search(r"AKIA|aws_secret_access_key|PRIVATE KEY|\$2[aby]\$", text)


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_that_the_pod_refers_to_exists(name: str) -> None:
    documents, spec = overlay(name), pod(overlay(name))
    made = {each["metadata"]["name"] for each in SECRETS} | {
        each["spec"]["secretName"] for each in documents if each["kind"] == "Certificate"
    }
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for volume in volumes.values():
        if "secret" in volume:
            # The group, fsGroup, reads it; others do not.
            assert volume["secret"]["secretName"] in made and volume["secret"]["defaultMode"] == 0o440
        elif "configMap" in volume:
            only(documents, "ConfigMap", volume["configMap"]["name"])
    paths = {mount["mountPath"]: volumes[mount["name"]] for mount in spec["containers"][0]["volumeMounts"]}
    settings = configuration(documents)
    files = [user["password_file"] for user in settings["users"]] + [
        settings["admin"]["token_file"],
        *settings["listeners"][0]["tls"].values(),
        *([settings["token_key_file"]] if "token_key_file" in settings else []),
    ]
    if cache := settings.get("cache"):
        assert str(Path(cache["directory"]).parent) in paths
        assert paths["/var/cache/berth"]["emptyDir"]["sizeLimit"] == spec["containers"][0]["resources"]["requests"]["ephemeral-storage"]
    keys = {each["metadata"]["name"]: set(each["stringData"]) for each in SECRETS}
    for file in map(Path, files):
        assert file.name in keys[paths[str(file.parent)]["secret"]["secretName"]], file
    assert spec["serviceAccountName"] == only(documents, "ServiceAccount")["metadata"]["name"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_selectors_and_ports_meet_the_pod(name: str) -> None:
    documents, deployment = overlay(name), only(overlay(name), "Deployment")
    container = pod(documents)["containers"][0]
    assert deployment["spec"]["template"]["metadata"]["labels"] == LABELS == deployment["spec"]["selector"]["matchLabels"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = configuration(documents)
    assert [int(each["address"].rpartition(":")[2]) for each in settings["listeners"]] == [ports["registry"]]
    assert settings["admin"]["address"] == f"0.0.0.0:{ports['admin']}"  # where the kubelet reaches it
    for each in documents:
        spec = each.get("spec", {})
        match each["kind"]:
            case "Service":
                assert spec["selector"] == LABELS and all(port["targetPort"] in ports for port in spec["ports"])
            case "NetworkPolicy":
                assert spec["podSelector"] == {"matchLabels": LABELS}
                assert {port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]} <= set(ports.values())
            case "PodDisruptionBudget":
                assert spec["selector"] == {"matchLabels": LABELS} and spec["maxUnavailable"] == 1
            case "HorizontalPodAutoscaler":
                assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "berth"}
                assert spec["minReplicas"] >= 2 and "replicas" not in deployment["spec"] and container["resources"]["requests"]["cpu"]
    assert all(each["metadata"].get("namespace") == ("berth" if name == "complete" and each["kind"] != "Namespace" else None) for each in documents)


@pytest.mark.parametrize("name", OVERLAYS)
def test_transfers_have_their_time_before_the_pod_is_killed(name: str) -> None:
    spec, drain = pod(overlay(name)), configuration(overlay(name))["timeouts"]["drain"]
    before = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert drain.endswith("m") and spec["terminationGracePeriodSeconds"] >= before + int(drain[:-1]) * 60 + 30


@pytest.mark.parametrize("name", OVERLAYS)
def test_only_clients_and_prometheus_may_call_and_only_aws_is_called(name: str) -> None:
    policies = [each["spec"] for each in overlay(name) if each["kind"] == "NetworkPolicy"]
    assert {kind for policy in policies for kind in policy["policyTypes"]} == {"Ingress", "Egress"}
    ingress = [rule for policy in policies for rule in policy.get("ingress", [])]
    for rule in ingress:
        # Port 5001 has no login, so only a namespace that is named may call it.
        assert [port["port"] for port in rule["ports"]] == ([5001] if "from" in rule else [5000])
    assert any("from" in rule for rule in ingress) == (name in ("monitoring", "complete"))
    anywhere = {port["port"] for policy in policies for rule in policy.get("egress", []) if "to" not in rule for port in rule["ports"]}
    assert anywhere == {53, 443}
    blocks = {each["ipBlock"]["cidr"] for policy in policies for rule in policy.get("egress", []) for each in rule.get("to", [])}
    metadata, agent = {"169.254.169.254/32", "fd00:ec2::254/128"}, {"169.254.170.23/32", "fd00:ec2::23/128"}
    assert blocks == {"cache": metadata, "cert-manager": metadata, "monitoring": metadata, "pod-identity": agent, "complete": agent}.get(name, set())


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name not in ("cache", "cert-manager", "monitoring")])
def test_the_node_s_role_does_not_stand_in_for_other_credentials(name: str) -> None:
    variables = {each["name"]: each["value"] for each in pod(overlay(name))["containers"][0]["env"]}
    assert variables.pop("AWS_EC2_METADATA_DISABLED") == "true"
    assert variables == ({"AWS_SHARED_CREDENTIALS_FILE": "/etc/berth-aws/credentials"} if name == "static-keys" else {})


def test_irsa_names_a_role() -> None:
    annotations = only(overlay("irsa"), "ServiceAccount")["metadata"]["annotations"]
    assert re.fullmatch(r"arn:aws:iam::\d{12}:role/\S+", annotations["eks.amazonaws.com/role-arn"])


@pytest.mark.parametrize("name", ["cert-manager", "complete"])
def test_the_certificate_is_the_one_that_the_pod_mounts(name: str) -> None:
    certificate = only(overlay(name), "Certificate")["spec"]
    assert set(certificate) == {"secretName", "dnsNames", "issuerRef", "privateKey", "usages"}
    assert certificate["secretName"] in [volume.get("secret", {}).get("secretName") for volume in pod(overlay(name))["volumes"]]
    assert certificate["dnsNames"] and set(certificate["issuerRef"]) == {"group", "kind", "name"}
    assert certificate["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


@pytest.mark.parametrize("name", ["monitoring", "complete"])
def test_prometheus_finds_the_pods_under_the_job_of_the_alerts(name: str) -> None:
    documents = overlay(name)
    monitor, service = only(documents, "ServiceMonitor")["spec"], only(documents, "Service", "berth-admin")
    assert set(monitor) == {"jobLabel", "selector", "endpoints"}
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    # The load balancer's Service must not be found too: each pod would be scraped twice.
    assert not monitor["selector"]["matchLabels"].items() <= only(documents, "Service", "berth")["metadata"]["labels"].items()
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "berth"
    assert monitor["endpoints"] == [{"port": service["spec"]["ports"][0]["name"], "path": "/metrics", "interval": "30s", "scrapeTimeout": "10s"}]
    assert only(documents, "PrometheusRule")["spec"] == read_yaml("prometheus/berth.rules.yaml")
    dashboard = only(documents, "ConfigMap", "berth-dashboard")
    assert dashboard["data"] == {"berth.json": (DEPLOY / "grafana/berth.json").read_text()}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    # kubectl apply keeps the manifest in an annotation, of at most 256 KiB.
    assert len(dashboard["data"]["berth.json"]) < 200_000


def test_a_changed_configuration_rolls_the_pods(own_directory: Path) -> None:
    copy = own_directory / "base"
    copy.mkdir()
    for file in (KUBERNETES / "base").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    before = pod(rendered(copy))["volumes"]
    (own_directory / "changed").mkdir()
    for file in copy.iterdir():
        text = file.read_text()
        (own_directory / "changed" / file.name).write_text(text.replace("drain: 30m", "drain: 20m") if file.name == "berth.yaml" else text)
    assert before == pod(overlay("irsa"))["volumes"] != pod(rendered(own_directory / "changed"))["volumes"]


def mounted(name: str, directory: Path, sandbox: Sandbox, certificate: Certificate, secrets: dict[str, str]) -> dict[str, Any]:
    """An overlay's configuration as its pod reads it, but for the addresses, the mounted files, and the sandbox in the place of AWS."""
    settings = configuration(overlay(name))
    for file, text in secrets.items():
        (directory / file).write_text(text)
    for user in settings["users"]:
        user["password_file"] = str(directory / Path(user["password_file"]).name)
    if "token_key_file" in settings:
        settings["token_key_file"] = str(directory / Path(settings["token_key_file"]).name)
    tls = {"certificate": str(certificate.certificate), "private_key": str(certificate.key)}
    settings["listeners"][0] |= {"address": "127.0.0.1:0", "tls": tls}
    settings["admin"] = {"address": "127.0.0.1:0", "token_file": str(directory / Path(settings["admin"]["token_file"]).name)}
    if "cache" in settings:
        settings["cache"]["directory"] = str(directory / "cache")
    for upstream in settings["upstreams"]:
        upstream["registry"] = sandbox.registry_host
    return settings


SECRET_FILES = {"rancher": "one password", "ci": "another password", "token-key": "k" * 64, "admin-token": "t" * 64}


@pytest.mark.parametrize("name", ["irsa", "complete", "cache"])
def test_a_pod_s_configuration_serves_and_answers_its_probes(
    name: str, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, certificate: Certificate
) -> None:
    container = pod(overlay(name))["containers"][0]
    gateway = start_gateway(own_sandbox, **mounted(name, own_directory, own_sandbox, certificate, SECRET_FILES))
    gateway.wait_until_ready()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "admin"
        assert request(gateway.admin, "GET", container[probe]["httpGet"]["path"]).status == 200
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status in (401, 403)
    reload = {"Content-Length": "0", "Authorization": f"Bearer {SECRET_FILES['admin-token']}"}
    assert request(gateway.admin, "POST", "/api/v1/reload", reload).status == 200
    own_sandbox.create_repositories("team-a/app")
    # The user rancher may only pull.
    for user, status in (("rancher", 403), ("ci", 202)):
        login = basic(user, SECRET_FILES[user])
        assert request(gateway.tls, "GET", "/v2/", authorization=login).status == 200
        started = request(gateway.tls, "POST", "/v2/team-a/app/blobs/uploads/", {"Content-Length": "0"}, authorization=login)
        assert started.status == status, started


def test_a_changed_access_key_is_used_without_a_restart(
    own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, certificate: Certificate
) -> None:
    """As the kubelet changes a Secret's files: a symbolic link to a directory is replaced."""

    def store(number: int, key: str, secret: str) -> None:
        (own_directory / f"..{number}").mkdir()
        text = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        (own_directory / f"..{number}/credentials").write_text(text)
        (own_directory / "..tmp").symlink_to(f"..{number}")
        (own_directory / "..tmp").rename(own_directory / "..data")

    variables = {each["name"]: each["value"] for each in pod(overlay("static-keys"))["containers"][0]["env"]}
    file = own_directory / Path(variables["AWS_SHARED_CREDENTIALS_FILE"]).name
    file.symlink_to("..data/credentials")
    store(1, "AKIADEACTIVATED", "an-old-key")
    settings = mounted("static-keys", own_directory, own_sandbox, certificate, SECRET_FILES)
    without = {name: "" for name in own_sandbox.environment}
    gateway = start_gateway(own_sandbox, environment=without | variables | {"AWS_SHARED_CREDENTIALS_FILE": str(file)}, **settings)
    assert gateway.ready().status == 503
    store(2, own_sandbox.environment["AWS_ACCESS_KEY_ID"], own_sandbox.environment["AWS_SECRET_ACCESS_KEY"])
    gateway.wait_until_ready()
