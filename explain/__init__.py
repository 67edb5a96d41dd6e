"""From a grading to reasons that a person can read, in the rulebook's own words."""
