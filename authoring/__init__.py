"""What policy writers do with a rulebook before it is in force."""
