"""deploy/ecs: what the AWS command line would send, by botocore's own validation, and what ECS demands beyond it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from harness.manifests import DEPLOY, read_json, read_yaml

TASK = read_json("ecs/task-definition.json")
CONTAINERS = {container["name"]: container for container in TASK["containerDefinitions"]}
BERTH = CONTAINERS["berth"]
SETTINGS = read_yaml("ecs/berth.yaml")
MAX_STOP_SECONDS = 120  # on Fargate
MAX_STANDARD_PARAMETER = 4096  # bytes, of SSM
# Fargate's sizes in MiB for 1 vCPU.
MEMORY_FOR_1024 = range(2048, 8192 + 1, 1024)


@pytest.mark.parametrize(
    ("file", "service", "operation"),
    [
        ("task-definition", "ecs", "RegisterTaskDefinition"),
        ("service", "ecs", "CreateService"),
        ("target-group", "elbv2", "CreateTargetGroup"),
        ("target-group-attributes", "elbv2", "ModifyTargetGroupAttributes"),
        ("listener", "elbv2", "CreateListener"),
    ],
)
def test_each_file_is_the_input_of_its_operation(file: str, service: str, operation: str) -> None:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(read_json(f"ecs/{file}.json"), shape)
    assert not report.has_errors(), report.generate_report()


def test_every_word_of_a_fixed_set_is_one_of_it() -> None:
    """botocore does not check enumerations."""
    session = botocore.session.get_session()

    def check(value: Any, shape: Any, path: str) -> None:
        match shape.type_name:
            case "structure":
                for key, each in value.items():
                    check(each, shape.members[key], f"{path}.{key}")
            case "list":
                for each in value:
                    check(each, shape.member, path)
            case "string" if shape.enum:
                assert value in shape.enum, f"{path}: {value}"

    check(TASK, session.get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape, "task")
    check(read_json("ecs/service.json"), session.get_service_model("ecs").operation_model("CreateService").input_shape, "service")
    for file, operation in (("target-group", "CreateTargetGroup"), ("listener", "CreateListener")):
        check(read_json(f"ecs/{file}.json"), session.get_service_model("elbv2").operation_model(operation).input_shape, file)


def test_a_stopped_task_ends_its_transfers_before_it_is_killed() -> None:
    drain = SETTINGS["timeouts"]["drain"]
    assert drain.endswith("s") and int(drain[:-1]) + 5 <= BERTH["stopTimeout"] <= MAX_STOP_SECONDS
    attributes = {each["Key"]: each["Value"] for each in read_json("ecs/target-group-attributes.json")["Attributes"]}
    assert int(attributes["deregistration_delay.timeout_seconds"]) >= 1800
    assert attributes["deregistration_delay.connection_termination.enabled"] == "false"


def test_the_parts_name_each_other() -> None:
    service, group = read_json("ecs/service.json"), read_json("ecs/target-group.json")
    ports = [int(SETTINGS["listeners"][0]["address"].split(":")[1]), int(SETTINGS["admin"]["address"].split(":")[1])]
    assert [mapping["containerPort"] for mapping in BERTH["portMappings"]] == ports
    assert service["taskDefinition"] == TASK["family"] and service["launchType"] in TASK["requiresCompatibilities"]
    balancer = service["loadBalancers"][0]
    assert (balancer["containerName"], balancer["containerPort"]) == ("berth", ports[0]) == (BERTH["name"], group["Port"])
    assert (group["HealthCheckPort"], group["HealthCheckPath"]) == (str(ports[1]), "/readyz")
    arns = {balancer["targetGroupArn"], read_json("ecs/target-group-attributes.json")["TargetGroupArn"]}
    assert arns == {read_json("ecs/listener.json")["DefaultActions"][0]["TargetGroupArn"]}
    assert BERTH["dependsOn"] == [{"containerName": "configuration", "condition": "SUCCESS"}]
    assert SETTINGS["workers"] == int(TASK["cpu"]) // 1024


def test_the_task_has_the_memory_that_fargate_sells_and_slow_clients_take() -> None:
    assert TASK["cpu"] == "1024" and int(TASK["memory"]) in MEMORY_FOR_1024
    assert int(TASK["memory"]) << 20 >= (64 << 20) + 10_000 * (132 << 10)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_no_privileges_and_a_read_only_root(name: str) -> None:
    container = CONTAINERS[name]
    assert container["readonlyRootFilesystem"] is True and container["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}}
    assert not container.get("privileged") and not container.get("environment")
    assert container["essential"] == (name == "berth")
    assert container["logConfiguration"]["logDriver"] == "awslogs"


def test_berth_itself_runs_without_root_and_without_secrets_in_its_environment() -> None:
    assert BERTH["user"] == "65532:65532" and "secrets" not in BERTH and BERTH["mountPoints"][0]["readOnly"] is True
    assert BERTH["healthCheck"]["command"] == ["CMD", "/usr/bin/berth", "health"]


def test_the_first_container_writes_the_parameter_where_berth_reads_it(own_directory: Path) -> None:
    container = CONTAINERS["configuration"]
    target = own_directory / "berth.yaml"
    assert f"{container['mountPoints'][0]['containerPath']}/berth.yaml" == "/etc/berth/berth.yaml"
    assert container["mountPoints"][0]["sourceVolume"] == BERTH["mountPoints"][0]["sourceVolume"]
    command = [text.replace("/etc/berth/berth.yaml", str(target)) for text in container["command"]]
    text = (DEPLOY / "ecs/berth.yaml").read_text()
    assert len(text.encode()) <= MAX_STANDARD_PARAMETER
    name = container["secrets"][0]["name"]
    # The parameter's value has no line end at its end. BERTH_ variables of the container would be configuration errors.
    subprocess.run([*container["entryPoint"], *command], env={name: text.rstrip("\n")}, check=True, timeout=10)
    assert target.read_text() == text and target.stat().st_mode & 0o777 == 0o444
    assert not name.startswith("BERTH_")


def test_the_execution_role_may_read_the_parameter_and_ecs_may_assume_it() -> None:
    statement = read_json("ecs/execution-policy.json")["Statement"][0]
    operation = statement["Action"].split(":")[1]
    assert operation in botocore.session.get_session().get_service_model("ssm").operation_names
    parameter = CONTAINERS["configuration"]["secrets"][0]["valueFrom"]
    assert re.fullmatch(statement["Resource"].replace("*", ".*"), parameter)
    assert json.dumps(read_json("ecs/trust-policy.json")).count("ecs-tasks.amazonaws.com") == 1
