"""Frames and packed integers: what arrives is what was sent, or is counted as damage."""

import random
import unittest

import load

protocol = load.module("protocol")


def written(count, nonce="ab"):
    """Return `count` events and their frames."""
    out = []
    writer = protocol.FrameWriter(out.append, nonce)
    events = [{"ev": "block", "n": at, "text": "caf\u00e9\n"} for at in range(count - 1)] + [{"ev": "end"}]
    for event in events:
        writer.emit(event)
    return events, out


class Frames(unittest.TestCase):
    def test_whole_however_the_bytes_are_cut(self):
        events, frames = written(4)
        data = b"".join(frames)
        for size in range(1, len(data) + 1):
            reader = protocol.FrameReader("ab")
            got = []
            for at in range(0, len(data), size):
                got += reader.feed(data[at : at + size])
            self.assertEqual(got, events)
            self.assertEqual((reader.damaged, reader.noise, reader.ended), (0, 0, True))
            self.assertEqual(reader.offset, len(data))

    def test_noise_around_and_before_frames(self):
        events, frames = written(3)
        reader = protocol.FrameReader("ab")
        got = reader.feed(b"hello\n\nprompt> " + frames[0] + b"EB1 cd 0 00000000 {}\n" + frames[1] + frames[2])
        self.assertEqual(got, events)
        self.assertEqual((reader.noise, reader.damaged), (2, 0))

    def test_every_single_flipped_bit_is_caught(self):
        events, frames = written(2)
        for at in range(len(frames[0]) - 1):
            for bit in range(8):
                broken = bytearray(frames[0])
                broken[at] ^= 1 << bit
                reader = protocol.FrameReader("ab")
                got = reader.feed(bytes(broken) + frames[1])
                if got == events:  # the spelling of a hex digit of the checksum is all that may change without harm
                    self.assertEqual(bytes(broken).lower(), frames[0].lower())
                else:
                    self.assertIn(got, ([], events[1:]), (at, bit))
                    self.assertGreater(reader.damaged + reader.noise, 0)

    def test_a_missing_frame_is_counted(self):
        events, frames = written(4)
        reader = protocol.FrameReader("ab")
        self.assertEqual(reader.feed(frames[0] + frames[2] + frames[3]), [events[0], events[2], events[3]])
        self.assertEqual(reader.damaged, 1)

    def test_going_on_from_its_offset(self):
        events, frames = written(3)
        data = b"".join(frames)
        reader = protocol.FrameReader("ab")
        got = reader.feed(data[: len(frames[0]) + 5])
        reader.restart()
        self.assertEqual(got + reader.feed(data[reader.offset :]), events)
        self.assertEqual(reader.damaged, 0)


class Packed(unittest.TestCase):
    def test_round_trip(self):
        rng = random.Random(3)
        for values in ([], [0], [-1, 1], [2**62, 2**62 - 5], [rng.randrange(10**12) for _ in range(1000)]):
            self.assertEqual(protocol.unpack_ints(protocol.pack_ints(values)), values)
            self.assertEqual(protocol.unpack_ints(values), values)

    def test_the_widest_values_and_one_too_wide(self):
        values = [5, -(2**62), 2**62 - 1, -(2**62), 0]
        self.assertEqual(protocol.unpack_ints(protocol.pack_ints(values)), values)
        with self.assertRaises(OverflowError):
            protocol.pack_ints([5, -(2**63)])

    def test_what_is_not_packed(self):
        for text in ("", "!", "AAAA", 5, None, {}):
            with self.assertRaises(ValueError):
                protocol.unpack_ints(text)


if __name__ == "__main__":
    unittest.main()
