"""What a model is fed."""

import os
import shutil
import tempfile
import unittest

from child_harness import have, module

if not have("numpy"):
    raise unittest.SkipTest("numpy is not installed here")

import numpy

failures = module("failures")
feeder = module("feeder")
inputs = module("inputs")
Spec = module("runners").Spec


def spec(name, dtype, *shape):
    """Return a Spec."""
    return Spec(name, dtype, list(shape), "tensor(%s)" % dtype)


X = spec("x", "float32", "N", 3)


class Case(unittest.TestCase):
    def fails(self, code, *words):
        """Return a context that wants a Failure of the input stage with `code` and all `words`."""
        outer = self

        class Wanted(object):
            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                outer.assertIsInstance(error, failures.Failure)
                outer.assertEqual((error.code, error.stage), (code, "input"))
                for word in words:
                    outer.assertIn(word, error.message)
                return True

        return Wanted()


class ShapeTest(Case):
    def test_a_leading_free_dimension_is_the_batch(self):
        self.assertEqual(inputs.resolve(X, None, 4, False), [4, 3])
        self.assertEqual(inputs.resolve(spec("x", "float32", 1, 3), None, 1, False), [1, 3])
        self.assertEqual(inputs.resolve(spec("x", "float32"), None, 1, False), [])

    def test_a_given_shape_is_taken_as_it_is(self):
        self.assertEqual(inputs.resolve(spec("x", "float32", None, 3, "H", -1), [2, 3, 8, 9], 1, False), [2, 3, 8, 9])

    def test_a_given_shape_must_fit(self):
        with self.fails("shape-mismatch", "x", "Nx3", "2x4"):
            inputs.resolve(X, [2, 4], 1, False)
        with self.fails("shape-mismatch", "2x3x1"):
            inputs.resolve(X, [2, 3, 1], 1, False)

    def test_other_free_dimensions_have_to_be_given(self):
        with self.fails("shape-mismatch", "Nx3xHx?", "give its shape"):
            inputs.resolve(spec("x", "float32", "N", 3, "H", None), None, 1, False)
        with self.fails("shape-mismatch"):
            inputs.resolve(spec("x", "float32", 2, "N", 128), None, 1, False)

    def test_a_state_has_its_batch_anywhere(self):
        self.assertEqual(inputs.resolve(spec("s", "float32", 2, "N", 128), None, 3, True), [2, 3, 128])

    def test_a_shape_or_state_for_no_input(self):
        with self.fails("bad-input", "no input z", "x"):
            inputs.open_samples([X], {"shapes": {"z": [1]}}, "")
        with self.fails("bad-input", "no input q"):
            inputs.open_samples([X], {"states": {"y": "q"}}, "")

    def test_a_batch_that_no_input_has(self):
        with self.fails("shape-mismatch", "batch of 4", "x 1x3"):
            inputs.open_samples([spec("x", "float32", 1, 3)], {"batch": 4}, "")
        with self.fails("shape-mismatch", "batch of 4"):
            inputs.open_samples([X], {"batch": 4, "shapes": {"x": [1, 3]}}, "")


class SeededTest(Case):
    def draw(self, dtype, count, value_range=None, seed=7):
        """Return one seeded array."""
        (sample,) = inputs.open_samples(
            [spec("x", dtype, count)], {"input": {"seed": seed, "range": value_range, "files": []}}, ""
        )
        return sample["x"]

    def test_the_same_seed_gives_the_same_numbers_under_every_numpy(self):
        drawn = self.draw("float32", 4, seed=1234)
        known = numpy.array([0.19151945, 0.62210877, 0.43772774, 0.78535858], "float32")
        numpy.testing.assert_array_equal(drawn, known)

    def test_pieces_do_not_change_the_numbers(self):
        count = 3 * inputs.CHUNK + 17
        whole = numpy.random.RandomState(7).random_sample(count).astype("float32")
        numpy.testing.assert_array_equal(self.draw("float32", count), whole)

    def test_another_seed_gives_others(self):
        self.assertFalse(numpy.array_equal(self.draw("float32", 8), self.draw("float32", 8, seed=8)))

    def test_defaults_by_kind(self):
        floats = self.draw("float32", 4096)
        self.assertTrue(0 <= floats.min() < 0.01 < 0.99 < floats.max() < 1)
        for dtype, low, high in (("uint8", 0, 255), ("int8", -128, 127)):
            drawn = self.draw(dtype, 8192)
            self.assertEqual((drawn.dtype, drawn.min(), drawn.max()), (numpy.dtype(dtype), low, high))
        for dtype in ("int64", "int32", "bool"):
            self.assertEqual(self.draw(dtype, 64).any(), False)

    def test_a_range(self):
        floats = self.draw("float32", 4096, [-2, 6])
        self.assertTrue(-2 <= floats.min() < -1.9 and 5.9 < floats.max() < 6)
        self.assertEqual(sorted(set(self.draw("int64", 512, [3, 5]))), [3, 4, 5])

    def test_a_range_is_cut_to_what_the_type_holds(self):
        drawn = self.draw("int8", 4096, [0, 255])
        self.assertEqual((drawn.min(), drawn.max()), (0, 127))
        with self.fails("bad-input", "uint8", "-9..-3"):
            self.draw("uint8", 4, [-9, -3])

    def test_states_are_zeros_and_draw_nothing(self):
        specs = [spec("s", "float32", 4), spec("x", "float32", 4)]
        (sample,) = inputs.open_samples(specs, {"states": {"t": "s"}, "input": {"seed": 7}}, "")
        self.assertFalse(sample["s"].any())
        numpy.testing.assert_array_equal(sample["x"], self.draw("float32", 4))

    def test_a_type_without_numpy_counterpart(self):
        with self.fails("unsupported-precision", "tensor(bfloat16)", "x"):
            inputs.open_samples([Spec("x", None, [1], "tensor(bfloat16)")], {}, "")


class QuantisedTest(Case):
    def test_real_values_as_they_are_stored(self):
        stored = inputs.to_stored([-9.0, -0.25, 0.0, 0.1, 0.125, 9.0], numpy.dtype("int8"), (0.125, 3))
        self.assertEqual((stored.dtype.name, stored.tolist()), ("int8", [-69, 1, 3, 4, 4, 75]))
        self.assertEqual(inputs.to_stored([-9, 999], numpy.dtype("uint8"), (1.0, 0)).tolist(), [0, 255])

    def test_a_range_is_of_real_values_where_a_scale_is_known(self):
        random = numpy.random.RandomState(3)
        stored = inputs.seeded(random, numpy.dtype("int8"), (500,), (0.0, 1.0), (1 / 255.0, -128))
        self.assertEqual((int(stored.min()), int(stored.max())), (-128, 127))
        plain = inputs.seeded(numpy.random.RandomState(3), numpy.dtype("int8"), (500,), (0.0, 1.0))
        self.assertEqual(sorted(set(plain.tolist())), [0, 1])

    def test_the_same_draws_as_a_float_input_gets(self):
        real = inputs.seeded(numpy.random.RandomState(3), numpy.dtype("float64"), (200,), (-1.0, 1.0))
        scale = (2 / 255.0, 0)
        stored = inputs.seeded(numpy.random.RandomState(3), numpy.dtype("int8"), (200,), (-1.0, 1.0), scale)
        numpy.testing.assert_array_equal(stored, inputs.to_stored(real, numpy.dtype("int8"), scale))


class FileTest(Case):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="edgebench-inputs-")
        self.addCleanup(shutil.rmtree, self.home)

    def save(self, name, **arrays):
        """Save an .npz and return its name."""
        numpy.savez(os.path.join(self.home, name), **arrays)
        return name

    def open(self, specs, *files, **more):
        """Return the samples of files."""
        return inputs.open_samples(specs, dict({"input": {"files": list(files)}}, **more), self.home)

    def test_an_npz_with_the_models_names(self):
        value = numpy.arange(6, dtype="float32").reshape(2, 3)
        samples = self.open([X], self.save("a.npz", x=value))
        numpy.testing.assert_array_equal(samples[0]["x"], value)

    def test_a_safe_cast_is_made_another_is_not(self):
        (sample,) = self.open([X], self.save("a.npz", x=numpy.ones((1, 3), "float16")))
        self.assertEqual(sample["x"].dtype, numpy.float32)
        with self.fails("bad-input", "b.npz", "float64", "float32"):
            self.open([X], self.save("b.npz", x=numpy.ones((1, 3))))

    def test_wrong_names_are_listed(self):
        with self.fails("bad-input", "image, mask", "takes x"):
            self.open([X], self.save("a.npz", mask=numpy.ones(1), image=numpy.ones(1)))
        with self.fails("bad-input", "x, y"):
            self.open([X], self.save("b.npz", x=numpy.ones((1, 3), "float32"), y=numpy.ones(1)))

    def test_a_wrong_shape(self):
        with self.fails("shape-mismatch", "a.npz", "1x4", "Nx3"):
            self.open([X], self.save("a.npz", x=numpy.ones((1, 4), "float32")))

    def test_an_npy_is_the_one_input(self):
        numpy.save(os.path.join(self.home, "one.npy"), numpy.ones((1, 3), "float32"))
        self.assertEqual(self.open([X], "one.npy")[0]["x"].shape, (1, 3))
        with self.fails("bad-input", "takes x, y"):
            self.open([X, X._replace(name="y")], "one.npy")

    def test_states_may_be_left_out_of_a_file(self):
        name = self.save("a.npz", x=numpy.ones((2, 3), "float32"))
        state = spec("s", "float32", 5, "N")
        (sample,) = self.open([X, state], name, states={"t": "s"}, batch=2)
        self.assertEqual((sample["s"].shape, sample["s"].any()), ((5, 2), False))

    def test_no_file_and_no_npz(self):
        with self.fails("bad-input", "gone.npz"):
            self.open([X], "gone.npz")
        with open(os.path.join(self.home, "text.npz"), "w") as file:
            file.write("no arrays")
        with self.fails("bad-input", "text.npz"):
            self.open([X], "text.npz")

    def test_pickled_objects_are_refused(self):
        name = self.save("evil.npz", x=numpy.array([{"a": 1}], dtype=object))
        with self.fails("bad-input", "evil.npz"):
            self.open([X], name)

    def test_small_sets_are_read_once_large_ones_each_time(self):
        reads = []

        def load(path):
            reads.append(path)
            return {"x": numpy.zeros(100, "uint8")}

        kept = inputs.Files(["a", "b"], load, bound=200)
        self.assertEqual([len(kept), kept[0]["x"].size, kept[1]["x"].size, len(reads)], [2, 100, 100, 2])
        del reads[:]
        lazy = inputs.Files(["a", "b"], load, bound=199)
        self.assertEqual(reads, ["a", "b"])
        self.assertEqual((lazy[1]["x"].size, lazy[1]["x"].size, reads[2:]), (100, 100, ["b", "b"]))


class FeederTest(Case):
    def setUp(self):
        self.bound = []

    def feeder(self, samples, states=None, outputs=("y", "t")):
        """Return a feeder that remembers what it bound."""
        return feeder.Feeder(samples, states or {}, list(outputs), lambda feeds: self.bound.append(dict(feeds)))

    def test_one_sample_is_bound_once(self):
        fed = self.feeder([{"x": 1}])
        fed.rewind()
        fed.between(["y"])
        self.assertEqual((self.bound, fed.fixed, fed.count), ([{"x": 1}], True, 1))

    def test_samples_go_round_and_rewind(self):
        fed = self.feeder([{"x": 1}, {"x": 2}, {"x": 3}])
        fed.rewind()
        for _ in range(4):
            fed.between(["y"])
        fed.rewind()
        self.assertEqual([feeds["x"] for feeds in self.bound], [1, 2, 3, 1, 2, 1])
        self.assertFalse(fed.fixed)

    def test_states_are_carried_and_start_afresh_on_rewind(self):
        fed = self.feeder([{"x": 1, "s": 0}], {"t": "s"})
        fed.rewind()
        fed.between(["y", "after one"])
        fed.between(["y", "after two"])
        fed.rewind()
        self.assertEqual([feeds["s"] for feeds in self.bound], [0, "after one", "after two", 0])

    def test_states_outlive_the_change_of_a_sample(self):
        fed = self.feeder([{"x": 1, "s": 0}, {"x": 2, "s": 0}], {"t": "s"})
        fed.rewind()
        fed.between(["y", "kept"])
        self.assertEqual(self.bound[-1], {"x": 2, "s": "kept"})

    def test_a_state_from_no_output(self):
        with self.fails("bad-input", "no output u", "y, t"):
            self.feeder([{"x": 1}], {"u": "x"})


if __name__ == "__main__":
    unittest.main()
