"""Ways to reach a device: run a command there, bring files there and back."""
