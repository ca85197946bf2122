// Room for Configuration.
