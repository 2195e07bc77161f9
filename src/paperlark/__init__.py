"""paperlark."""
