"""The rulebook: what it says, how it is read, and what is wrong with it before it runs."""
