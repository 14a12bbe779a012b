"""An h11 server, well-behaved on some paths and not on others."""

import socket
import threading

import h11


class Connection:
    def __init__(self, stream):
        self.socket = stream
        self.conn = h11.Connection(h11.SERVER)
        self.requests = 0
        self.head = False

    def send(self, *events):
        self.socket.sendall(b"".join(self.conn.send(event) for event in events))

    def event(self):
        while (event := self.conn.next_event()) is h11.NEED_DATA:
            self.conn.receive_data(self.socket.recv(65536))
        return event

    def body(self):
        content = bytearray()
        while isinstance(event := self.event(), h11.Data):
            content += event.data
        assert isinstance(event, h11.EndOfMessage), event
        return bytes(content), event.headers

    def answer(self, status, content=b"", headers=(), length=True):
        headers = [*headers, ("x-requests", str(self.requests))]
        if length:
            headers.append(("content-length", str(len(content))))
        if self.head:
            content = b""
        response = h11.Response(status_code=status, headers=headers)
        self.send(response, h11.Data(content), h11.EndOfMessage())

    def close(self):
        """Ends the answers, and lets the client take them (RFC 9112 §9.6)."""
        self.socket.shutdown(socket.SHUT_WR)
        while self.socket.recv(65536):
            pass

    def run(self):
        while True:
            request = self.event()
            if isinstance(request, h11.ConnectionClosed):
                return
            self.requests += 1
            self.head = request.method == b"HEAD"
            path = request.target.decode().strip("/").replace("-", "_")
            if self.handle(path, request) == "close":
                return self.close()
            if self.conn.our_state is h11.MUST_CLOSE:
                return self.close()
            self.conn.start_next_cycle()

    def handle(self, path, request):
        if path == "known":
            self.body()
            self.answer(200, b"known content")
        elif path == "chunked":
            self.body()
            headers = [("trailer", "x-check"), ("x-requests", str(self.requests))]
            self.send(h11.Response(status_code=200, headers=headers))
            for piece in [b"one, ", b"two, ", b"c" * 70_000, b" and the end"]:
                self.send(h11.Data(piece))
            self.send(h11.EndOfMessage(headers=[("x-check", "42")]))
        elif path == "echo":
            if self.conn.they_are_waiting_for_100_continue:
                self.send(h11.InformationalResponse(status_code=100, headers=[]))
            content, trailers = self.body()
            self.answer(200, content, [(b"x-seen-" + name, value) for name, value in trailers])
        elif path == "never_100":
            self.answer(200, self.body()[0])
        elif path == "refuses_100":
            assert self.conn.they_are_waiting_for_100_continue
            self.answer(417, b"no", [("connection", "close")])
            return "close"
        elif path == "hints":
            self.body()
            for number in range(3):
                headers = [("link", f"</{number}.css>; rel=preload")]
                self.send(h11.InformationalResponse(status_code=103, headers=headers))
            self.answer(200, b"after the hints")
        elif path == "204":
            self.body()
            self.answer(204, length=False)
        elif path == "304":
            self.body()
            # The length that the content would have.
            self.send(
                h11.Response(status_code=304, headers=[("content-length", "4321")]),
                h11.EndOfMessage(),
            )
        elif path == "early":
            # Does not wait for the content, and does not want it.
            self.answer(413, b"too much", [("connection", "close")])
            return "close"
        elif path == "early_but_reads":
            self.answer(200, b"I know enough")
            self.body()
        elif path == "last":
            self.body()
            self.answer(200, b"the last", [("connection", "close")])
            return "close"
        elif path == "cut_known":
            self.body()
            head = h11.Response(status_code=200, headers=[("content-length", "1000")])
            self.send(head, h11.Data(b"ten octets"))
            return "close"
        elif path == "cut_chunked":
            self.body()
            self.send(h11.Response(status_code=200, headers=[]), h11.Data(b"some"))
            return "close"
        elif path == "cut_head":
            self.body()
            self.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Len")
            return "close"
        elif path == "drop":
            self.body()
            return "close"
        else:
            self.body()
            self.answer(404, path.encode())
        return None


def serve(stream):
    with stream:
        stream.settimeout(50)
        Connection(stream).run()


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
