"""What programs find as MinkowskiEngineBackend."""
