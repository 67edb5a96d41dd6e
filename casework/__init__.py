"""What happens to stored producers: their facts arrive, their grades follow."""
