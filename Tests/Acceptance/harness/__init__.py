"""The programs and connections that the acceptance tests use; contains no tests."""
