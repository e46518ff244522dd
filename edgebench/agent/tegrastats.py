"""A line of NVIDIA's tegrastats as numbers, whatever the release: r28 to r39 differ in order, case, units and signs.

Tokens are told by their own shape, never by where they stand: ``GPU@41C`` is a temperature, ``GPU 380/381`` a rail and
``GPU 380`` a clock. Only present values are taken: the second number of a rail is the tool's own running average,
which counts a first sample of 0 (Thor's VIN shows half its value there).
"""

import re

NOTHING = ("NC",)  # a channel of the power monitor that is connected to nothing
PLACEHOLDERS = {"PMIC": (50000, 100000)}  # constants printed where there is no sensor
PLAUSIBLE_MC = (-55000, 200000)  # a gated domain prints -256C
UNIT_KIB = {"k": 1, "M": 1024}
LONGEST = 16384

NAME = r"[A-Za-z][\w.-]{0,63}"
MW = r"-?\d{1,12}(?:mW)?"
TOKENS = re.compile(
    r"""(?P<clock>\d\d-\d\d-\d{4}[ ]\d\d:\d\d:\d\d)(?=\s|$)
    |(?P<pool>RAM|SWAP|IRAM)[ ](?P<used>\d{1,12})/(?P<size>\d{1,12})(?P<pool_unit>[kM])B
        (?:[ ]?\((?:lfb|cached)[ ](?:(?P<blocks>\d{1,9})x)?(?P<free>\d{1,12})(?P<free_unit>[kM])B\))?(?=\s|$)
    |(?:CPU|cpu)[ ]\[(?P<cores>[^\]]{0,4096})\](?:@(?P<cores_mhz>\d{1,9}))?(?=\s|$)
    |MTS[ ]fg[ ](?P<foreground>\d{1,3})%%[ ]bg[ ](?P<background>\d{1,3})%%(?=\s|$)
    |(?P<zone>%(name)s)@(?P<celsius>-?\d{1,6}(?:\.\d{1,6})?)C(?:/-?\d{1,6}(?:\.\d{1,6})?C)?(?=\s|$)
    |(?P<rail>%(name)s)[ ](?:(?P<mw>-?\d{1,12})(?:mW)?(?:/%(mw)s){1,2}|(?P<mw_alone>-?\d{1,12})mW)(?=\s|$)
    |(?P<engine>%(name)s)[ ](?:(?P<off>off)|(?P<percent>\d{1,3})%%(?:@(?P<at>\d{1,9}|\[[\d,]{0,256}\]))?
        |@(?P<only_at>\d{1,9}|\[[\d,]{0,256}\])|(?P<mhz>\d{1,9}))(?=\s|$)
    |(?P<left>\S+)"""
    % {"name": NAME, "mw": MW},
    re.VERBOSE | re.ASCII,
)
CORE = re.compile(r"(?P<off>off)\Z|(?P<percent>\d{1,3})%(?:@(?P<mhz>\d{1,9}))?\Z", re.ASCII)


class Line(object):
    """What one line says now; what it does not say is absent.

    `memory` {"RAM"|"SWAP"|"IRAM": (used, size) KiB}, `largest_free_kib` of RAM's free blocks, `cores` [None: off, or
    (load in %, MHz or None)], `rails` {name: mW}, `zones` {name: m degC}, `engines` {name: (load in % or None, MHz or
    None; the fastest where it has several clocks)}, those that are off {name: None}, `left`: tokens of no known shape.
    """

    def __init__(self):
        self.memory = {}
        self.largest_free_kib = None
        self.cores = []
        self.rails = {}
        self.zones = {}
        self.engines = {}
        self.left = []


def parse(text):
    """Return the Line of `text` (str). Never raises; what cannot be understood stands in `left`."""
    line = Line()
    if len(text) > LONGEST:
        line.left.append(text[:64])
        return line
    for found in TOKENS.finditer(text):
        token = found.groupdict()
        for shape, take in TAKERS:
            if token[shape] is not None:
                take(line, token, found.group())
                break
    return line


def _pool(line, token, _):
    unit = UNIT_KIB[token["pool_unit"]]
    line.memory[token["pool"]] = (int(token["used"]) * unit, int(token["size"]) * unit)
    if token["pool"] == "RAM" and token["free"] is not None:
        line.largest_free_kib = int(token["free"]) * UNIT_KIB[token["free_unit"]]


def _cores(line, token, whole):
    found = [CORE.match(core.strip()) for core in token["cores"].split(",")]
    if None in found:
        line.left.append(whole)
        return
    together = token["cores_mhz"]  # r28 prints one clock for all
    for core in found:
        mhz = core.group("mhz") or together
        load = core.group("percent")
        line.cores.append(None if core.group("off") else (int(load), int(mhz) if mhz else None))


def _zone(line, token, _):
    name, millidegrees = token["zone"], round(float(token["celsius"]) * 1000)
    if PLAUSIBLE_MC[0] <= millidegrees <= PLAUSIBLE_MC[1] and millidegrees not in PLACEHOLDERS.get(name, ()):
        line.zones[name] = millidegrees


def _rail(line, token, _):
    if token["rail"] not in NOTHING:
        line.rails[token["rail"]] = int(token["mw"] or token["mw_alone"])


def _engine(line, token, _):
    if token["off"]:
        line.engines[token["engine"]] = None
        return
    percent = int(token["percent"]) if token["percent"] else None
    clocks = [int(clock) for clock in re.findall(r"\d+", token["at"] or token["only_at"] or token["mhz"] or "")]
    line.engines[token["engine"]] = (percent, max(clocks) if clocks else None)


def _multi_threaded_scaling(line, token, _):
    line.engines["MTS"] = (int(token["foreground"]), None)


TAKERS = (("clock", lambda line, token, whole: None), ("pool", _pool), ("cores", _cores),
          ("foreground", _multi_threaded_scaling), ("zone", _zone), ("rail", _rail), ("engine", _engine),
          ("left", lambda line, token, whole: line.left.append(whole)))  # fmt: skip
