"""Packets of the ADB protocol, of its shell protocol, and its keys: what is written is read, rubbish is refused."""

import base64
import io

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from hypothesis import given
from hypothesis import strategies as st

from edgebench.mock.phone.adbd import wire
from edgebench.mock.phone.adbd.auth import KEY, PublicKey, parse_key
from edgebench.mock.phone.adbd.shell_protocol import Kind, shell_packet, standard_input, window_size
from edgebench.mock.phone.adbd.streams import Stream

WORDS = st.integers(0, 2**32 - 1)
PACKETS = st.builds(wire.Packet, WORDS, WORDS, WORDS, st.binary(max_size=300))


def filling_from(data):
    source = io.BytesIO(data)

    def fill(size):
        read = source.read(size)
        if len(read) < size:
            raise EOFError
        return bytearray(read)

    return fill


@given(st.lists(PACKETS, max_size=4))
def test_packets_are_read_as_they_were_written(packets):
    fill = filling_from(b"".join(wire.encode(packet) for packet in packets))
    for packet in packets:
        read = wire.read_packet(fill)
        wire.verify(read)
        assert read[:4] == packet[:4]
    with pytest.raises(EOFError):
        wire.read_packet(fill)


def test_a_packet_has_the_bytes_of_the_protocol():
    packet = wire.Packet(wire.CNXN, 0x01000001, 1 << 20, b"host::\0")
    written = "434e584e 01000001 00001000 07000000 32020000 bcb1a7b1 686f73743a3a00"
    assert wire.encode(packet) == bytes.fromhex(written)


@given(PACKETS.filter(lambda packet: packet.payload), st.data())
def test_a_flipped_bit_of_the_payload_shows_in_the_checksum(packet, data):
    encoded = bytearray(wire.encode(packet))
    place = data.draw(st.integers(24, len(encoded) - 1))
    encoded[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(wire.ProtocolError, match="checksum"):
        wire.verify(wire.read_packet(filling_from(bytes(encoded))))


@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_ends(rubbish):
    with pytest.raises((EOFError, wire.ProtocolError)):
        read_all(filling_from(rubbish))


def read_all(fill):
    while True:
        wire.read_packet(fill)


def test_no_memory_is_asked_for_by_a_length():
    packet = bytearray(wire.encode(wire.Packet(wire.WRTE, 1, 1)))
    packet[12:16] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(wire.ProtocolError, match="4294967295 bytes"):
        wire.read_packet(filling_from(bytes(packet)))


def test_the_banner_names_the_product_and_its_features():
    properties = {"ro.product.name": "a", "ro.product.model": "B C", "ro.product.device": "d", "ro.other": "e"}
    assert wire.banner(properties, ("shell_v2", "cmd")) == (
        b"device::ro.product.name=a;ro.product.model=B C;ro.product.device=d;features=shell_v2,cmd"
    )


def stream_of(chunks):
    """A stream to which these bytes came before the other side closed it."""
    stream = Stream(1, 2, lambda packet: None, 1 << 20)
    for chunk in chunks:
        stream.came(chunk)
    stream.other_closed()
    return stream


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_a_stream_gives_exact_sizes_whatever_the_chunks_were(chunks, data):
    whole = b"".join(chunks)
    stream = stream_of(chunks)
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(0, len(whole) - at))
        assert bytes(stream.read_exactly(size)) == whole[at : at + size]
        at += size
        if size == 0:  # nothing was asked for: the draw may end here, with the rest still to come
            break
    assert b"".join(iter(lambda: bytes(stream.read()), b"")) == whole[at:]
    with pytest.raises(EOFError):
        stream.read_exactly(1)


def test_nothing_is_waited_for_where_nothing_is_asked_for():
    stream = Stream(1, 2, lambda packet: None, 1 << 20)
    assert bytes(stream.read_exactly(0)) == b""
    stream.came(b"abc")
    assert bytes(stream.read_exactly(1)) + bytes(stream.read_exactly(0)) + bytes(stream.read_exactly(2)) == b"abc"


@given(st.lists(st.tuples(st.sampled_from(sorted({0, 5, 9})), st.binary(max_size=30)), max_size=6), st.integers(1, 50))
def test_standard_input_is_what_its_packets_carry(packets, cut):
    sent = b"".join(shell_packet(kind, data) for kind, data in packets) + shell_packet(Kind.CLOSE_STDIN, b"")
    stream = stream_of([sent[at : at + cut] for at in range(0, len(sent), cut)])
    typed = b"".join(bytes(piece) for piece in standard_input(stream))
    assert typed == b"".join(data for kind, data in packets if kind == Kind.STDIN)


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_a_windows_size_is_read_as_adb_writes_it(rows, columns):
    assert window_size(f"{rows}x{columns},640x480\0".encode()) == (rows, columns)


@given(st.one_of(st.binary(max_size=20), st.from_regex(rb"[0-9x,]{0,16}")).filter(lambda text: b"x" not in text[:6]))
def test_what_is_no_windows_size_is_refused(rubbish):
    with pytest.raises(ValueError, match="window"):
        window_size(rubbish)


def test_no_window_is_larger_than_the_kernel_can_say():
    with pytest.raises(ValueError, match="so large"):
        window_size(b"65536x10,0x0")


@pytest.fixture(scope="module")
def private_key():
    return rsa.generate_private_key(65537, 2048)


def encoded(numbers, name=b"me@here"):
    """The key as an adb server sends it: the two numbers for a fast reduction are not looked at by anybody here."""
    raw = KEY.pack(64, 0, numbers.n.to_bytes(256, "little"), bytes(256), numbers.e)
    return base64.b64encode(raw) + b" " + name + b"\0"


def test_a_key_is_read_and_knows_its_signatures(private_key):
    numbers = private_key.public_key().public_numbers()
    key = parse_key(encoded(numbers))
    assert key == PublicKey(numbers.n, numbers.e, "me@here")
    token = bytes(range(20))
    signature = private_key.sign(token, padding.PKCS1v15(), Prehashed(hashes.SHA1()))
    assert key.signed(token, signature)
    assert not key.signed(bytes(20), signature)
    assert not key.signed(token, signature[:-1])
    assert not key.signed(token, b"")
    assert not PublicKey(numbers.n + 2, numbers.e).signed(token, signature)


@given(st.binary(max_size=900))
def test_what_is_no_key_is_refused(rubbish):
    with pytest.raises(ValueError, match="key"):
        parse_key(rubbish)


@given(st.binary(max_size=600), st.integers(0, 2**32 - 1))
def test_a_struct_of_another_size_is_refused(raw, words):
    shaped = words.to_bytes(4, "little") + raw
    if len(shaped) == KEY.size and words == 64:
        return
    with pytest.raises(ValueError, match="key"):
        parse_key(base64.b64encode(shaped) + b" x\0")
