//! What the rows read. Sizes are part of the names of the rows, so they are held at compile time.

/// The smallest valid request.
pub(crate) const REQUEST_27: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a load generator sends.
pub(crate) const REQUEST_170: &[u8] = b"GET /plaintext HTTP/1.1\r\n\
    Host: tfb-server:8080\r\n\
    Accept: text/plain,text/html;q=0.9,application/xhtml+xml;q=0.9,application/xml;q=0.8,*/*;q=0.7\r\n\
    Connection: keep-alive\r\n\
    \r\n";

/// A browser that fetches an image, with cookies.
pub(crate) const REQUEST_703: &[u8] =
    b"GET /articles/2026/11/rebuilding-an-old-bicycle/cover-960.jpg HTTP/1.1\r\n\
    Host: www.example-magazine.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Connection: keep-alive\r\n\
    Referer: http://www.example-magazine.com/articles/2026/11/\r\n\
    Cookie: session=7f3c9a4e5b2d41d88e0a6f1c2b3d4e5f; consent=1.20261104.analytics.ads; \
    _ga=GA1.2.1402781932.1763701234; _ga_9XK2=GS2.1.s1763701234$o3$g1$t1763701301; theme=dark; \
    seen=4411,4412,4417,4420,4431,449; _fbp=fb.1.1763701234567.1029384756; lang=en-GB\r\n\
    Priority: u=5, i\r\n\
    \r\n";

/// A browser that follows a link, with all that it says of itself.
pub(crate) const REQUEST_1084: &[u8] =
    b"GET /shop/search?q=winter+jacket&category=outdoor&size=M&sort=price_asc&page=2 HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Windows\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
    image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: http://shop.example.com/shop/search?q=winter+jacket&category=outdoor\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept-Language: en-US,en;q=0.9,fr;q=0.8\r\n\
    Cookie: sid=s%3A4fQ9vJ2m8LhT1xkZ; cart=3; currency=EUR; \
    _fbp=fb.1.1763701234567.1029384756; recently=88213-77120-91822-66120-50199; \
    ab=checkout-v2.hero-b; tz=Europe%2FBerlin; _ga=GA1.2.1402781932.1763701234; lang=en-US; \
    csrf=Yk3pQ7w\r\n\
    \r\n";

/// What answers a load generator; its content comes apart.
pub(crate) const RESPONSE_102: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Length: 13\r\n\
    Content-Type: text/plain\r\n\
    Date: Sat, 21 Nov 2026 08:12:31 GMT\r\n\
    \r\n";

/// What a web server with the usual security fields answers; its content comes apart.
pub(crate) const RESPONSE_773: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx/1.28.0\r\n\
    Date: Sat, 21 Nov 2026 08:12:31 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 5120\r\n\
    Connection: keep-alive\r\n\
    Vary: Accept-Encoding, Cookie\r\n\
    Cache-Control: private, max-age=0, must-revalidate\r\n\
    ETag: W/\"1400-18c2f1d9a3b\"\r\n\
    Last-Modified: Fri, 20 Nov 2026 17:45:02 GMT\r\n\
    Set-Cookie: session=7f3c9a4e5b2d41d88e0a6f1c2b3d4e5f; Path=/; HttpOnly; SameSite=Lax; \
    Max-Age=1209600\r\n\
    Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n\
    Content-Security-Policy: default-src 'self'; img-src 'self' data: \
    https://images.example.com; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: strict-origin-when-cross-origin\r\n\
    X-Request-Id: 0d5b6a1e-5d0c-4a7e-9b1f-3c2d4e5f6a7b\r\n\
    Age: 17\r\n\
    \r\n";

/// So many chunks of so many octets each, without a last chunk: a body that goes on.
pub(crate) fn chunks(count: usize, octets: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..count {
        body.extend_from_slice(format!("{octets:x}\r\n").as_bytes());
        body.resize(body.len() + octets, b'x');
        body.extend_from_slice(b"\r\n");
    }
    body
}

const _: () = {
    assert!(REQUEST_27.len() == 27);
    assert!(REQUEST_170.len() == 170);
    assert!(REQUEST_703.len() == 703);
    assert!(REQUEST_1084.len() == 1084);
    assert!(RESPONSE_102.len() == 102);
    assert!(RESPONSE_773.len() == 773);
};
