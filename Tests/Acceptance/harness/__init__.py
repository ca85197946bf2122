"""What the acceptance tests start and talk with; no test is in here."""
