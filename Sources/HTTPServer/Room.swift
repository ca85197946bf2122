// Room for HTTPServer.
