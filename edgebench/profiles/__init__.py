"""Device profiles: what a device is declared to be."""
