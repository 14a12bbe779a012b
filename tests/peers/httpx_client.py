"""httpx against the example server: `httpx_client.py SCHEME://HOST:PORT CASE...`, each case on
HTTP/1.1 and on HTTP/2, which is agreed on by ALPN or, in the clear, known before."""

import asyncio

import httpx

from cases import case, main, noise


def clients(kind, host, port):
    for version in ["HTTP/1.1", "HTTP/2"]:
        is_h2 = version == "HTTP/2"
        base = f"{host}:{port}"
        named = dict(base_url=base, verify=False, timeout=50, trust_env=False)
        yield version, kind(http1=not is_h2, http2=is_h2, **named)


@case
def get(host, port):
    for version, client in clients(httpx.Client, host, port):
        with client:
            for _ in range(20):
                answer = client.get("/plaintext")
                assert (answer.http_version, answer.status_code) == (version, 200)
                assert answer.content == b"Hello, World!"
                assert answer.headers["content-type"] == "text/plain"
                assert answer.headers["date"].endswith(" GMT")
            answer = client.head("/bytes/12345")
            assert (answer.headers["content-length"], answer.content) == ("12345", b"")


@case
def post(host, port):
    for _, client in clients(httpx.Client, host, port):
        with client:
            sent = noise(1_000_000, 1)
            answer = client.post("/echo", content=sent)
            assert answer.headers["content-length"] == "1000000"
            assert answer.content == sent
            pieces = (sent[at : at + 70_001] for at in range(0, len(sent), 70_001))
            assert client.post("/echo", content=pieces).content == sent
            assert client.post("/echo", content=b"").content == b"nothing to echo\n"


@case
def what_is_between_and_behind(host, port):
    for _, client in clients(httpx.Client, host, port):
        with client:
            assert client.get("/early-hints").content == b"the hints came first\n"
            assert client.get("/trailers").content == b"the trailers come last\n"
            assert client.get("/plaintext").content == b"Hello, World!"


# httpx neither resets what it gives up nor returns its credit: more than its connection's window of
# 16 MiB would leave none for the next answer.
@case
def given_up(host, port):
    for _, client in clients(httpx.Client, host, port):
        with client:
            with client.stream("GET", "/bytes/3000000") as answer:
                assert next(answer.iter_bytes(1000)) == b"x" * 1000
            assert client.get("/bytes/7").content == b"x" * 7


@case
def too_much(host, port):
    for _, client in clients(httpx.Client, host, port):
        with client:
            answer = client.get("/", headers={"x-long": "a" * 20_000})
            assert answer.status_code == 431, answer
            assert client.get("/plaintext").status_code == 200


@case
def many_at_once(host, port):
    async def ask(client, number):
        answer = await client.post("/echo", content=b"%d" % number * 100)
        assert answer.content == b"%d" % number * 100
        answer = await client.get(f"/bytes/{number}")
        assert answer.content == b"x" * number

    async def all_of_them():
        for _, client in clients(httpx.AsyncClient, host, port):
            async with client:
                await asyncio.gather(*(ask(client, number) for number in range(100)))

    asyncio.run(all_of_them())


main()
