"""An h11 client against the example server."""

import socket

import h11

from cases import case, main, noise


class Client:
    """One h11 connection over a socket."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=50)
        self.conn = h11.Connection(h11.CLIENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *events):
        # One write for all of them.
        self.socket.sendall(b"".join(self.conn.send(event) for event in events))

    def event(self):
        while (event := self.conn.next_event()) is h11.NEED_DATA:
            self.conn.receive_data(self.socket.recv(65536))
        return event

    def response(self):
        """The interim responses, the final one, the content, the trailers."""
        interim, content = [], bytearray()
        while isinstance(event := self.event(), h11.InformationalResponse):
            interim.append(event)
        assert isinstance(event, h11.Response), event
        final = event
        while isinstance(event := self.event(), h11.Data):
            content += event.data
        assert isinstance(event, h11.EndOfMessage), event
        return interim, final, bytes(content), list(event.headers)

    def ask(self, method, target, content=None, headers=()):
        headers = [("host", "a"), *headers]
        if content is None:
            self.send(h11.Request(method=method, target=target, headers=headers), h11.EndOfMessage())
        else:
            headers.append(("content-length", str(len(content))))
            head = h11.Request(method=method, target=target, headers=headers)
            self.send(head, h11.Data(content), h11.EndOfMessage())
        return self.response()


def field(response, name):
    return dict(response.headers).get(name)


@case
def get(host, port):
    with Client(host, port) as client:
        interim, final, content, trailers = client.ask("GET", "/plaintext")
        assert (interim, final.status_code, content) == ([], 200, b"Hello, World!")
        assert field(final, b"content-length") == b"13" and trailers == []
        assert final.reason == b"OK" and final.http_version == b"1.1"


@case
def head(host, port):
    with Client(host, port) as client:
        _, final, content, _ = client.ask("HEAD", "/bytes/777")
        assert (field(final, b"content-length"), content) == (b"777", b"")
        client.conn.start_next_cycle()
        assert client.ask("GET", "/bytes/2")[2] == b"xx"


@case
def post_known(host, port):
    with Client(host, port) as client:
        sent = noise(100_000, 1)
        _, final, content, _ = client.ask("POST", "/", sent)
        assert field(final, b"content-length") == b"100000" and content == sent


@case
def post_chunked_with_trailers(host, port):
    with Client(host, port) as client:
        headers = [("host", "a"), ("transfer-encoding", "chunked"), ("trailer", "x-sum")]
        client.send(h11.Request(method="POST", target="/", headers=headers))
        sent = noise(200_000, 2)
        for at in range(0, len(sent), 9_999):
            client.send(h11.Data(sent[at : at + 9_999]))
        client.send(h11.EndOfMessage(headers=[("x-sum", "1")]))
        _, final, content, _ = client.response()
        assert field(final, b"transfer-encoding") == b"chunked" and content == sent
        # The trailers were taken for what they are.
        client.conn.start_next_cycle()
        assert client.ask("GET", "/plaintext")[2] == b"Hello, World!"


@case
def trailers(host, port):
    with Client(host, port) as client:
        _, final, content, trailers = client.ask("GET", "/trailers")
        assert content == b"the trailers come last\n"
        assert trailers == [(b"x-count", b"23")] and field(final, b"x-count") is None


@case
def keep_alive(host, port):
    with Client(host, port) as client:
        for count in range(50):
            assert client.ask("GET", f"/bytes/{count}")[2] == b"x" * count
            # Raises unless both sides may go on.
            client.conn.start_next_cycle()


@case
def pipelined(host, port):
    # h11 keeps one exchange at a time, so each request has a connection object of its own, and
    # what one leaves of the input is the next one's.
    count = 30
    conns, requests = [], b""
    for number in range(count):
        conn = h11.Connection(h11.CLIENT)
        if number % 3 == 2:
            framing = ("transfer-encoding", "chunked")
            events = [h11.Data(b"number "), h11.Data(str(number).encode()), h11.EndOfMessage()]
            request = h11.Request(method="POST", target="/", headers=[("host", "a"), framing])
        else:
            events = [h11.EndOfMessage()]
            method = "HEAD" if number % 3 else "GET"
            target = f"/bytes/{number}"
            request = h11.Request(method=method, target=target, headers=[("host", "a")])
        requests += b"".join(conn.send(event) for event in [request, *events])
        conns.append(conn)
    client = Client(host, port)
    with client:
        client.socket.sendall(requests)
        left = b""
        for number, conn in enumerate(conns):
            client.conn = conn
            if left:
                conn.receive_data(left)
            _, final, content, _ = client.response()
            assert final.status_code == 200
            if number % 3 == 2:
                assert content == f"number {number}".encode(), content
            elif number % 3:
                assert field(final, b"content-length") == str(number).encode()
            else:
                assert content == b"x" * number
            left, closed = conn.trailing_data
            assert not closed
        assert left == b""


@case
def continues(host, port):
    with Client(host, port) as client:
        headers = [("host", "a"), ("content-length", "7"), ("expect", "100-continue")]
        client.send(h11.Request(method="POST", target="/", headers=headers))
        interim = client.event()
        assert isinstance(interim, h11.InformationalResponse) and interim.status_code == 100
        assert not client.conn.they_are_waiting_for_100_continue
        client.send(h11.Data(b"content"), h11.EndOfMessage())
        interim, final, content, _ = client.response()
        assert (interim, final.status_code, content) == ([], 200, b"content")


@case
def content_makes_100_superfluous(host, port):
    with Client(host, port) as client:
        headers = [("expect", "100-continue")]
        interim, final, content, _ = client.ask("POST", "/", b"all at once", headers)
        assert (final.status_code, content) == (200, b"all at once")
        # It may come all the same (RFC 9110 §10.1.1), but once at most.
        assert [one.status_code for one in interim] in ([], [100])


@case
def early_hints(host, port):
    with Client(host, port) as client:
        interim, final, content, _ = client.ask("GET", "/early-hints")
        assert [one.status_code for one in interim] == [103]
        assert field(interim[0], b"link") == b"</style.css>; rel=preload; as=style"
        assert (final.status_code, content) == (200, b"the hints came first\n")


@case
def close(host, port):
    with Client(host, port) as client:
        _, final, content, _ = client.ask("GET", "/plaintext", headers=[("connection", "close")])
        assert field(final, b"connection") == b"close" and content == b"Hello, World!"
        assert isinstance(client.event(), h11.ConnectionClosed)


@case
def refused(host, port):
    for status, headers in [
        (400, [("host", "a/b")]),
        (413, [("host", "a"), ("content-length", str(5 << 30))]),
        (431, [("host", "a"), *[("x-field", "value")] * 200]),
    ]:
        with Client(host, port) as client:
            client.send(h11.Request(method="POST", target="/", headers=headers))
            _, final, content, _ = client.response()
            assert final.status_code == status, (status, final)
            assert field(final, b"connection") == b"close"
            assert content.startswith(str(status).encode())
            assert client.conn.their_state in (h11.CLOSED, h11.MUST_CLOSE)
            assert isinstance(client.event(), h11.ConnectionClosed)


main()
