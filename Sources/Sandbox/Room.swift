// Room for Sandbox.
