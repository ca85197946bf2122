// Room for HTTP.
