"""What the packages that speak the language of other libraries have in common."""
