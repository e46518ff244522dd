"""What a model is fed: seeded arrays, one file of arrays or a set of files.

Needs numpy: import this module only once the runtime has been imported. Specs are `runners.Spec`.
"""

import os
from collections import OrderedDict

import numpy

from .failures import Failure, Stage, first_line

MEMORY_BOUND = 256 << 20
CHUNK = 1 << 16


def bad(code, message):
    """Return the failure `code` of the input stage."""
    return Failure(code, message, "input")


def is_free(dim):
    """Tell whether a declared dimension is left open."""
    return not isinstance(dim, int) or dim < 0


def text_of(shape):
    """Return a shape as people write it: 1x3xHxW, a question mark for a free dimension without a name."""
    return "x".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def fits(declared, shape):
    """Tell whether a concrete shape satisfies a declared one."""
    return len(declared) == len(shape) and all(is_free(d) or d == s for d, s in zip(declared, shape))


def resolve(spec, given, batch, is_state):
    """Return the concrete shape of `spec`: the one `given`, else the declared one with the batch in its free dimension.

    Only one free dimension can be the batch: the first one of an input, any of a state. Raises Failure shape-mismatch.
    """
    if given is not None:
        if not fits(spec.shape, given):
            raise bad(
                "shape-mismatch",
                "input %s is %s, not the %s asked for" % (spec.name, text_of(spec.shape), text_of(given)),
            )
        return list(given)
    free = [at for at, dim in enumerate(spec.shape) if is_free(dim)]
    if len(free) > 1 or (free and free[0] != 0 and not is_state):
        raise bad(
            "shape-mismatch",
            "input %s has free dimensions (%s): give its shape" % (spec.name, text_of(spec.shape)),
        )
    return [batch if is_free(dim) else dim for dim in spec.shape]


def check_names(specs, variant):
    """Raise Failure bad-input where a variant's shapes or states name an input that the model does not have."""
    named = set(variant.get("shapes") or {}) | set((variant.get("states") or {}).values())
    unknown = sorted(named - {spec.name for spec in specs})
    if unknown:
        known = ", ".join(spec.name for spec in specs)
        raise bad("bad-input", "the model has no input %s; it has %s" % (", ".join(unknown), known))


def resolve_all(specs, variant):
    """Return {input name: concrete shape} of `specs` for a variant. Raises Failure shape-mismatch."""
    given = variant.get("shapes") or {}
    batch = variant.get("batch") or 1
    states = (variant.get("states") or {}).values()
    return OrderedDict((s.name, resolve(s, given.get(s.name), batch, s.name in states)) for s in specs)


def check_batch(batch, shapes):
    """Raise Failure shape-mismatch where no input of `shapes` (name -> shape) leads with a batch over 1."""
    if batch > 1 and not any(list(shape[:1]) == [batch] for shape in shapes.values()):
        seen = ", ".join("%s %s" % (name, text_of(shape)) for name, shape in shapes.items())
        raise bad("shape-mismatch", "a batch of %d was asked for, but the inputs are %s" % (batch, seen))


def bounds(dtype, value_range):
    """Return (low, high) of the seeded values of a dtype: the part of `value_range` that it holds, else its default.

    Floats [0, 1); 8-bit integers and uint16 their whole range; other integers and bool 0.
    """
    if dtype.kind == "f":
        return (0.0, 1.0) if value_range is None else tuple(value_range)
    if dtype.kind == "b":
        return (0, 0)
    info = numpy.iinfo(dtype)
    if value_range is None:
        whole = dtype.itemsize == 1 or dtype.name == "uint16"
        return (int(info.min), int(info.max)) if whole else (0, 0)
    low, high = max(int(value_range[0]), int(info.min)), min(int(value_range[1]), int(info.max))
    if low > high:
        raise bad("bad-input", "%s holds nothing of the range %s..%s" % (dtype.name, value_range[0], value_range[1]))
    return (low, high)


def to_stored(real, dtype, scale):
    """Return real values as a quantised input stores them: rounded to its `scale` (s, z), clipped to its type."""
    info = numpy.iinfo(dtype)
    return numpy.clip(numpy.rint(numpy.asarray(real, "float64") / scale[0]) + scale[1], info.min, info.max).astype(
        dtype
    )


def seeded(random, dtype, shape, value_range, scale=None):
    """Return an array drawn from `random` (numpy.random.RandomState: the same numbers under every numpy).

    Floats are uniform in [low, high), integers in low..high; drawn in pieces, so that the peak memory is the array's.
    The range of a quantised input (`scale`) is of the real values that it stands for; without a range it gets every
    value that its type holds.
    """
    real = scale is not None and value_range is not None and dtype.kind in "iu"
    low, high = tuple(value_range) if real else bounds(dtype, value_range)
    array = numpy.zeros(shape, dtype)
    if low == high == 0 and not real:
        return array
    flat = array.reshape(-1)
    for at in range(0, flat.size, CHUNK):
        drawn = random.random_sample(min(CHUNK, flat.size - at))
        if real:
            flat[at : at + CHUNK] = to_stored(low + drawn * (high - low), dtype, scale)
        elif dtype.kind == "f":
            flat[at : at + CHUNK] = low + drawn * (high - low)
        else:
            flat[at : at + CHUNK] = low + numpy.floor(drawn * (high - low + 1)).astype(numpy.int64)
    return array


def dtype_of(spec):
    """Return the numpy dtype of a spec. Raises Failure unsupported-precision where numpy has none."""
    if spec.dtype is None:
        raise bad("unsupported-precision", "input %s is %s, which numpy cannot hold" % (spec.name, spec.type))
    return numpy.dtype(spec.dtype)


def seeded_sample(specs, shapes, seed, value_range, states):
    """Return {name: array}, drawn in the order of `specs`; the inputs in `states` are zeros."""
    random = numpy.random.RandomState(seed)
    sample = OrderedDict()
    for spec in specs:
        dtype = dtype_of(spec)
        if spec.name in states:
            sample[spec.name] = numpy.zeros(shapes[spec.name], dtype)
        else:
            sample[spec.name] = seeded(random, dtype, shapes[spec.name], value_range, spec.scale)
    return sample


def matched(array, spec, path):
    """Return `array` as the input `spec` takes it: floats for a quantised input are real values, and are quantised.

    Raises Failure bad-input (dtype) or shape-mismatch.
    """
    dtype = dtype_of(spec)
    name = os.path.basename(path)
    if spec.scale is not None and array.dtype.kind == "f" and dtype.kind in "iu":
        array = to_stored(array, dtype, spec.scale)
    if not numpy.can_cast(array.dtype, dtype, "safe"):
        raise bad("bad-input", "%s: %s is %s, the model takes %s" % (name, spec.name, array.dtype, dtype))
    if not fits(spec.shape, array.shape):
        raise bad(
            "shape-mismatch",
            "%s: %s is %s, the model takes %s" % (name, spec.name, text_of(array.shape), text_of(spec.shape)),
        )
    return numpy.require(array, dtype, ["C"])


def read_arrays(path, names):
    """Return {name: array} of an .npz, or of an .npy for the one input in `names`. Raises Failure bad-input."""
    try:
        with Stage("input"):
            loaded = numpy.load(path, allow_pickle=False)
            if isinstance(loaded, numpy.ndarray):
                arrays = {names[0] if len(names) == 1 else "(unnamed)": loaded}
            else:
                with loaded:
                    arrays = {name: loaded[name] for name in loaded.files}
    except Failure as failure:
        raise Failure(failure.code, "%s: %s" % (os.path.basename(path), first_line(failure)), "input")
    return arrays


def file_sample(path, specs, shapes, states):
    """Return {name: array} of one file; states that it does not name are zeros. Raises Failure as `matched`."""
    wanted = [spec.name for spec in specs if spec.name not in states]
    arrays = read_arrays(path, wanted)
    if not set(wanted) <= set(arrays) <= {spec.name for spec in specs}:
        raise bad(
            "bad-input",
            "%s has %s; the model takes %s"
            % (os.path.basename(path), ", ".join(sorted(arrays)) or "nothing", ", ".join(wanted)),
        )
    sample = OrderedDict()
    for spec in specs:
        if spec.name in arrays:
            sample[spec.name] = matched(arrays[spec.name], spec, path)
        else:
            sample[spec.name] = numpy.zeros(shapes[spec.name], dtype_of(spec))
    return sample


class Files(object):
    """The samples of a set of files: all in memory when they fit `bound` bytes together, else read each time."""

    def __init__(self, paths, load, bound=MEMORY_BOUND):
        self._paths = paths
        self._load = load
        self._kept = []
        total = 0
        for path in paths:
            sample = load(path)
            total += sum(array.nbytes for array in sample.values())
            if total > bound:
                self._kept = []
                break
            self._kept.append(sample)

    def __len__(self):
        return len(self._paths)

    def __getitem__(self, index):
        return self._kept[index] if self._kept else self._load(self._paths[index])


def open_samples(specs, variant, home):
    """Return the variant's samples: a sequence of {input name: array}. Raises Failure of stage input."""
    check_names(specs, variant)
    wanted = variant.get("input") or {}
    states = set((variant.get("states") or {}).values())
    files = [os.path.join(home, path) for path in wanted.get("files") or []]
    if files:
        shapes = resolve_all([spec for spec in specs if spec.name in states], variant)
        samples = Files(files, lambda path: file_sample(path, specs, shapes, states))
    else:
        shapes = resolve_all(specs, variant)
        samples = [seeded_sample(specs, shapes, wanted.get("seed") or 0, wanted.get("range"), states)]
    check_batch(variant.get("batch") or 1, OrderedDict((name, array.shape) for name, array in samples[0].items()))
    return samples
