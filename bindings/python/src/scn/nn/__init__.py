"""Modules: layers, containers, ready networks, and what they tell of themselves."""
