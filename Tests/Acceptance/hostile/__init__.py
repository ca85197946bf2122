"""Requests that no well-behaved client sends, by class, each with its expected result."""
