// Room for Telemetry.
