"""Every read heals from every fault of an upstream, and every write heals or ends so that the client can send it again."""

from __future__ import annotations

from pathlib import Path

from conftest import StartGateway, report_faults
from fault_matrix import FaultMatrix, configuration, make_slots
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority

SLOTS = 24
# So short that no cell waits long, and long enough for a busy machine.
TIMEOUTS = {"connect": "500ms", "stall": "3s", "response": "3s"}


def test_every_operation_survives_every_fault(
    own_sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path
) -> None:
    matrix = FaultMatrix()
    slots = make_slots(SLOTS, own_sandbox, authority)
    try:
        own_sandbox.create_repositories(*(slot.repository for slot in slots))
        trust = own_directory / "both.crt"
        trust.write_text(own_sandbox.ca.read_text() + authority.certificate.read_text())
        # One worker: a connection that a request has left is the one that the next takes.
        gateway = start_gateway(
            own_sandbox, **configuration(slots, own_sandbox), ca_file=str(trust), timeouts=TIMEOUTS, workers=1
        )
        gateway.wait_until_ready()
        for slot in slots:
            with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
                client.push_image(slot.repository, "v1", slot.image)
        try:
            matrix.run(slots, gateway.plain, gateway.password)
        finally:
            report_faults(str(matrix))
        assert gateway.metric("berth_exchanges_in_flight") == 0
    finally:
        for slot in slots:
            slot.registry.stop()
            slot.storage.stop()
    assert not matrix.problems, "\n".join(matrix.problems)
