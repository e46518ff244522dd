"""The migrations, in the order of their numbers; none is ever changed after a release."""
