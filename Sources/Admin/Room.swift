// Room for Admin.
