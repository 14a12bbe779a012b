"""Python's own http.client against the example server."""

import http.client
from contextlib import closing

from cases import case, main, noise


def connect(host, port):
    return closing(http.client.HTTPConnection(host, port, timeout=50))


def ask(connection, method, path, *arguments, **named):
    connection.request(method, path, *arguments, **named)
    response = connection.getresponse()
    return response, response.read()


@case
def get(host, port):
    with connect(host, port) as connection:
        response, content = ask(connection, "GET", "/plaintext")
        assert (response.status, response.reason, response.version) == (200, "OK", 11)
        assert content == b"Hello, World!"
        assert response.getheader("content-type") == "text/plain"
        assert response.getheader("date").endswith(" GMT")
        assert not response.will_close


@case
def head(host, port):
    with connect(host, port) as connection:
        response, content = ask(connection, "HEAD", "/bytes/12345")
        assert (response.status, content) == (200, b"")
        assert response.getheader("content-length") == "12345"
        _, content = ask(connection, "GET", "/bytes/3")
        assert content == b"xxx", content


@case
def post_known(host, port):
    with connect(host, port) as connection:
        sent = noise(3_000_000, 1)
        response, content = ask(connection, "POST", "/echo", sent)
        assert response.getheader("content-length") == "3000000"
        assert content == sent


@case
def post_chunked(host, port):
    with connect(host, port) as connection:
        sent = noise(3_000_000, 2)
        pieces = (sent[at : at + 70_001] for at in range(0, len(sent), 70_001))
        response, content = ask(connection, "POST", "/echo", pieces, encode_chunked=True)
        assert response.getheader("transfer-encoding") == "chunked"
        assert content == sent


@case
def post_without_content(host, port):
    with connect(host, port) as connection:
        response, content = ask(connection, "POST", "/echo", b"")
        assert (response.status, content) == (200, b"nothing to echo\n")


@case
def trailers(host, port):
    with connect(host, port) as connection:
        _, content = ask(connection, "GET", "/trailers")
        assert content == b"the trailers come last\n"
        _, content = ask(connection, "GET", "/plaintext")
        assert content == b"Hello, World!", "the trailers were not the next response"


@case
def keep_alive(host, port):
    with connect(host, port) as connection:
        connection.connect()
        socket = connection.sock
        for count in range(100):
            _, content = ask(connection, "GET", f"/bytes/{count}")
            assert content == b"x" * count
            _, content = ask(connection, "PUT", "/echo", b"y" * count + b".")
            assert content == b"y" * count + b"."
        assert connection.sock is socket, "it was one connection"


@case
def close(host, port):
    with connect(host, port) as connection:
        response, content = ask(connection, "GET", "/plaintext", headers={"Connection": "close"})
        assert response.getheader("connection") == "close" and response.will_close
        assert content == b"Hello, World!"


@case
def continues(host, port):
    with connect(host, port) as connection:
        connection.putrequest("POST", "/echo")
        connection.putheader("Content-Length", "7")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        # The interim response has to come before any content goes.
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            octet = connection.sock.recv(1)
            assert octet
            interim += octet
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n", interim
        connection.send(b"content")
        assert connection.getresponse().read() == b"content"


@case
def refused(host, port):
    with connect(host, port) as connection:
        connection.putrequest("GET", "/", skip_host=True)
        connection.endheaders()
        response = connection.getresponse()
        assert (response.status, response.will_close) == (400, True)
        assert response.read() == b"400 Bad Request\n"
    with connect(host, port) as connection:
        response, _ = ask(connection, "GET", "/", headers={"X-Long": "a" * 20_000})
        assert (response.status, response.will_close) == (431, True)


@case
def large(host, port):
    with connect(host, port) as connection:
        connection.request("GET", "/bytes/30000000")
        response = connection.getresponse()
        octets = 0
        while piece := response.read(1 << 20):
            assert piece == b"x" * len(piece)
            octets += len(piece)
        assert octets == 30_000_000


main()
