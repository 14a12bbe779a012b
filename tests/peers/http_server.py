"""Python's own http.server, speaking HTTP/1.1."""

import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 50

    def answer(self, status, content, *headers, length=True):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self):
        if self.path == "/known":
            self.answer(200, b"known content", ("X-Port", self.client_address[1]))
        elif self.path == "/until-close":
            self.answer(200, b"z" * 100_000, ("Connection", "close"), length=False)
        elif self.path == "/204":
            self.answer(204, b"", length=False)
        elif self.path == "/304":
            self.answer(304, b"", ("ETag", '"x"'), length=False)
        elif self.path == "/last":
            self.answer(200, b"the last", ("Connection", "close"))
        else:
            self.send_error(404)

    do_HEAD = do_GET

    # Expect: 100-continue is the business of the class above it: it answers before it calls this.
    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
