"""What a spawned process finds under the names of one library."""
