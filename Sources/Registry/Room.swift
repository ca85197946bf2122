// Room for Registry.
