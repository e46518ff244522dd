"""Carries a plan out on a device: deploy, prepare, run, collect, restore."""
