"""Device profiles: what a device is declared to be. `catalog` reads them, `matching` finds one for a device's facts."""

from edgebench.profiles.catalog import list_profiles, load_profile
from edgebench.profiles.matching import match_phone, match_profile
from edgebench.profiles.profile import Profile

__all__ = ["Profile", "list_profiles", "load_profile", "match_phone", "match_profile"]
