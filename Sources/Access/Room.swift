// Room for Access.
