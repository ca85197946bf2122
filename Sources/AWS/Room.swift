// Room for AWS.
