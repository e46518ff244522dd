"""Which rails add up to a board's total: a whitelist of rails that do not overlap, never the sum of everything.

Boards print parent and child rails side by side (AGX Orin's VDDQ_VDD2_1V8AO hangs on VIN_SYS_5V0, Thor's VIN holds the
other three), so a sum of all that is there would count twice.
"""

# (rails, scope); the first that the board has completely is its total
WHITELIST = (
    (("VIN",), "input"),
    (("VDD_IN",), "module"),
    (("POM_5V_IN",), "module"),
    (("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), "rails"),
    (("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"), "rails"),
)
UNKNOWN = "no whitelisted total rail; set total_rails in the profile"


def choose(columns, wanted=None, fallback=None):
    """Return (total: list of columns or None, why not, scope) for a board that has these rails.

    `wanted` are the rails that the profile declares (``total_rails``); they win, and must all be there, else all of
    `fallback` (``total_rails_fallback``), whose scope is narrower. A board's only rail is its total.
    """
    if wanted and fallback and not _all_in(wanted, columns) and _all_in(fallback, columns):
        wanted = fallback
    if wanted:
        lacking = [rail for rail in wanted if rail not in columns]
        if lacking:
            return None, "the profile's total_rails are not on this board: %s" % ", ".join(lacking), "rails"
        return list(wanted), None, _scope(wanted)
    for rails, scope in WHITELIST:
        if _all_in(rails, columns):
            return list(rails), None, scope
    if len(columns) == 1:
        return list(columns), None, "rails"
    return None, UNKNOWN, "rails"


def _all_in(rails, columns):
    return all(rail in columns for rail in rails)


def _scope(wanted):
    for rails, scope in WHITELIST:
        if sorted(rails) == sorted(wanted):
            return scope
    return "rails"
