// Room for Gateway.
