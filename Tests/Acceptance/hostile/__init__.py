"""Requests that no well-behaved client sends, by class, each with what must become of it."""
