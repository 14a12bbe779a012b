//! How sites answer: what their servers, and the delivery networks before them, say.

use super::browsers::Purpose;
use super::clock::date;
use super::fill::{fill, pick};
use super::{Block, Fields};
use crate::rng::Rng;

/// The software that a site runs on.
#[derive(Clone, Copy)]
pub(super) enum Stack {
    /// A cache of the Varnish family before everything.
    Varnish,
    /// A delivery network that shields an application.
    Shield,
    /// The front end of a search company.
    Search,
    /// The front end of an office suite.
    Office,
    /// nginx with PHP.
    Nginx,
    /// A delivery network before an object store, and an application beside it.
    Front,
    /// Apache with PHP.
    Apache,
}

/// An answer before a server has put it in its words.
pub(super) struct Answer<'a> {
    pub(super) status: &'static str,
    pub(super) purpose: Purpose,
    pub(super) path: &'a str,
    pub(super) length: usize,
    pub(super) etag: &'a str,
    /// When what is sent was changed last, and when it is sent (Unix time).
    pub(super) modified: u64,
    pub(super) now: u64,
    pub(super) location: Option<&'a str>,
    pub(super) set_cookies: &'a [String],
    /// The origin of the page, if the host is not its own.
    pub(super) origin: Option<&'a str>,
}

impl Answer<'_> {
    /// Whether it is made for this request alone.
    fn dynamic(&self) -> bool {
        matches!(self.purpose, Purpose::Document | Purpose::Call | Purpose::Beacon)
            || self.path.contains(".php?")
    }

    fn has_content(&self) -> bool {
        !["204", "304"].contains(&self.status)
    }

    fn media_type(&self) -> &'static str {
        let path = self.path.split('?').next().unwrap_or_default();
        match (self.purpose, path.rsplit('.').next().unwrap_or_default()) {
            (Purpose::Document, _) => "text/html; charset=utf-8",
            (Purpose::Style, _) => "text/css; charset=utf-8",
            (Purpose::Script, _) => "text/javascript; charset=utf-8",
            (Purpose::Font, _) => "font/woff2",
            (Purpose::Call | Purpose::Beacon, "gif") => "image/gif",
            (Purpose::Call | Purpose::Beacon, _) => "application/json; charset=utf-8",
            (Purpose::Image, "svg") => "image/svg+xml",
            (Purpose::Image, "png") => "image/png",
            (Purpose::Image, "ico") => "image/vnd.microsoft.icon",
            (Purpose::Image, "webp") => "image/webp",
            (Purpose::Image, "gif") => "image/gif",
            (Purpose::Image, _) => "image/jpeg",
        }
    }

    /// The coding of the content, if it is text.
    fn coding(&self, name: &'static str) -> Option<&'static str> {
        let text = ["text", "json", "svg"].iter().any(|kind| self.media_type().contains(kind));
        (text && self.has_content()).then_some(name)
    }

    fn content_type(&self) -> Option<&'static str> {
        self.has_content().then(|| self.media_type())
    }

    /// The length, which nobody knows while a page is made.
    fn content_length(&self) -> Option<String> {
        let told = self.has_content() && !(self.dynamic() && self.length > 2000);
        told.then(|| self.length.to_string())
    }

    fn last_modified(&self) -> Option<String> {
        (!self.dynamic()).then(|| date(self.modified))
    }
}

impl Stack {
    pub(super) fn respond(self, answer: &Answer<'_>, rng: &mut Rng) -> Block {
        let mut out = Fields::default();
        out.add(":status", answer.status);
        match self {
            Self::Varnish => varnish(&mut out, answer, rng),
            Self::Shield => shield(&mut out, answer, rng),
            Self::Search => search(&mut out, answer),
            Self::Office => office(&mut out, answer, rng),
            Self::Nginx => nginx(&mut out, answer),
            Self::Front => front(&mut out, answer, rng),
            Self::Apache => apache(&mut out, answer),
        }
        out.end()
    }
}

fn set_cookies(out: &mut Fields, answer: &Answer<'_>) {
    for cookie in answer.set_cookies {
        out.add("set-cookie", cookie);
    }
}

fn varnish(out: &mut Fields, answer: &Answer<'_>, rng: &mut Rng) {
    let hits = if answer.dynamic() { 0 } else { rng.below(900) };
    let cache = if answer.dynamic() {
        "private, s-maxage=0, max-age=0, must-revalidate, no-transform"
    } else {
        "max-age=31536000, immutable"
    };
    out.add_some("content-type", answer.content_type())
        .add("cache-control", cache)
        .add_some("content-encoding", answer.coding("gzip"))
        .add("etag", format!("\"{}\"", answer.etag))
        .add_some("last-modified", answer.last_modified())
        .add_some("location", answer.location)
        .add_some("access-control-allow-origin", answer.origin.map(|_| "*"))
        .add("accept-ranges", "bytes")
        .add("date", date(answer.now))
        .add("age", (if hits == 0 { 0 } else { rng.below(90_000) }).to_string())
        .add("via", "1.1 varnish, 1.1 varnish");
    set_cookies(out, answer);
    if answer.purpose == Purpose::Document {
        out.add_all(&[
            ("x-frame-options", "SAMEORIGIN"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer-when-downgrade"),
            (
                "content-security-policy",
                "default-src https:; script-src https: 'unsafe-inline' 'unsafe-eval' blob:; \
                 frame-src https: data:; style-src https: 'unsafe-inline'; img-src https: data: \
                 blob:; media-src https: data: blob:; font-src https: data:; connect-src https: \
                 wss: blob:; object-src 'none'; base-uri 'self'; report-uri /csp-report",
            ),
        ]);
    }
    out.add("x-served-by", fill("cache-lhr-egll198{d4}-LHR, cache-fra-eddf82{d5}-FRA", rng))
        .add("x-cache", if hits == 0 { "MISS, MISS" } else { "HIT, HIT" })
        .add("x-cache-hits", format!("{}, {hits}", rng.below(40)))
        .add("x-timer", fill("S17952{d5}.{d6},VS0,VE{d1}", rng))
        .add("vary", "Accept-Encoding, User-Agent")
        .add("strict-transport-security", "max-age=63072000; includeSubDomains; preload")
        .add_some("content-length", answer.content_length());
}

fn shield(out: &mut Fields, answer: &Answer<'_>, rng: &mut Rng) {
    out.add("date", date(answer.now))
        .add_some("content-type", answer.content_type())
        .add_some("content-length", answer.content_length().filter(|_| !answer.dynamic()))
        .add_some("location", answer.location)
        .add("cf-ray", fill("9a{x14}-FRA", rng));
    if answer.dynamic() {
        out.add("cf-cache-status", "DYNAMIC")
            .add("cache-control", "private, no-cache, no-store, max-age=0, must-revalidate");
    } else {
        out.add("cf-cache-status", pick(&["HIT", "HIT", "HIT", "MISS", "REVALIDATED"], rng))
            .add("age", rng.below(3_000_000).to_string())
            .add("cache-control", "public, max-age=31557600")
            .add("etag", format!("\"{}\"", answer.etag))
            .add_some("last-modified", answer.last_modified());
    }
    out.add_some("content-encoding", answer.coding("br"))
        .add("vary", "Accept-Encoding")
        .add("strict-transport-security", "max-age=7889238");
    set_cookies(out, answer);
    if answer.dynamic() {
        out.add_all(&[
            (
                "content-security-policy",
                "block-all-mixed-content; frame-ancestors 'none'; upgrade-insecure-requests;",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-download-options", "noopen"),
            ("x-frame-options", "DENY"),
            ("x-xss-protection", "1; mode=block"),
        ])
        .add("server-timing", fill("processing;dur={d2}, db;dur={d1}, asn;desc=\"3320\"", rng))
        .add("x-request-id", fill("{u}-17952{d5}", rng));
    } else {
        out.add_some("access-control-allow-origin", Some("*"))
            .add("timing-allow-origin", "*")
            .add("x-content-type-options", "nosniff");
    }
    let report = "{\"endpoints\":[{\"url\":\"https:\\/\\/a.nel.cloudshield.example\\/report\\/v4?\
                  s={b118}%3D%3D\"}],\"group\":\"cf-nel\",\"max_age\":604800}";
    let (head, tail) = report.split_once("{b118}").expect("the hole");
    out.add("report-to", format!("{head}{}{tail}", fill("{b118}", rng)))
        .add("nel", "{\"success_fraction\":0.01,\"report_to\":\"cf-nel\",\"max_age\":604800}")
        .add("server", "cloudshield")
        .add("alt-svc", "h3=\":443\"; ma=86400");
}

fn search(out: &mut Fields, answer: &Answer<'_>) {
    out.add_some("content-type", answer.content_type())
        .add("x-content-type-options", "nosniff")
        .add_some("vary", answer.coding("Origin, X-Origin, Referer"))
        .add("date", date(answer.now));
    if answer.dynamic() {
        out.add("cache-control", "no-cache, no-store, max-age=0, must-revalidate")
            .add("pragma", "no-cache")
            .add("expires", "Mon, 01 Jan 1990 00:00:00 GMT")
            .add("x-frame-options", "SAMEORIGIN");
    } else {
        out.add("cache-control", "public, max-age=31536000")
            .add("expires", date(answer.now + 31_536_000))
            .add_some("last-modified", answer.last_modified())
            .add("age", ((answer.now - answer.modified) % 80_000).to_string())
            .add("accept-ranges", "bytes")
            .add("cross-origin-resource-policy", "cross-origin");
    }
    if answer.purpose == Purpose::Document {
        out.add_all(&[
            ("strict-transport-security", "max-age=31536000"),
            ("content-security-policy", "require-trusted-types-for 'script'"),
            (
                "report-to",
                "{\"group\":\"clipstream_mobile\",\"max_age\":2592000,\
                 \"endpoints\":[{\"url\":\"https://csp.clipstream.example/csp/report-to/\
                 clipstream_mobile\"}]}",
            ),
            ("cross-origin-opener-policy", "same-origin-allow-popups"),
            (
                "permissions-policy",
                "ch-ua-arch=*, ch-ua-bitness=*, ch-ua-full-version=*, ch-ua-full-version-list=*, \
                 ch-ua-model=*, ch-ua-wow64=*, ch-ua-form-factors=*, ch-ua-platform=*, \
                 ch-ua-platform-version=*",
            ),
            ("accept-ch", "Sec-CH-UA-Arch, Sec-CH-UA-Bitness, Sec-CH-UA-Model, Sec-CH-UA-WoW64"),
        ]);
    }
    set_cookies(out, answer);
    out.add_some("content-encoding", answer.coding("br"))
        .add("server", if answer.purpose == Purpose::Image { "sffe" } else { "ESF" })
        .add_some("content-length", answer.content_length())
        .add("x-xss-protection", "0")
        .add("alt-svc", "h3=\":443\"; ma=2592000,h3-29=\":443\"; ma=2592000");
}

fn office(out: &mut Fields, answer: &Answer<'_>, rng: &mut Rng) {
    out.add(
        "cache-control",
        if answer.dynamic() { "no-cache, no-store" } else { "max-age=630720000" },
    )
    .add_some("content-length", answer.content_length())
    .add_some("content-type", answer.content_type())
    .add_some("content-encoding", answer.coding("gzip"))
    .add_some("last-modified", answer.last_modified())
    .add_some("location", answer.location);
    if answer.dynamic() {
        let server = fill("FR0P281MB{d4}", rng);
        out.add("expires", "-1").add("pragma", "no-cache").add("vary", "Accept-Encoding");
        set_cookies(out, answer);
        out.add("request-id", fill("{u}", rng))
            .add("x-calculatedbetarget", format!("{server}.DEUP281.PROD.office-suite.example"))
            .add("x-backendhttpstatus", answer.status)
            .add("x-calculatedfetarget", "FR4P281CU024.internal.office-suite.example")
            .add("x-rum-validated", "1")
            .add("x-owa-version", "15.20.9343.11")
            .add("x-diaginfo", &server)
            .add("x-beserver", &server)
            .add("x-proxy-routingcorrectness", "1")
            .add("x-proxy-backendserverstatus", answer.status)
            .add("x-firsthopcafeefz", "FRA")
            .add("x-feproxyinfo", "FR4P281CA0311.DEUP281.PROD.office-suite.example")
            .add("x-feefzinfo", "FRA")
            .add("x-feserver", pick(&["FR4P281CA0311", "FR0P281CA0142"], rng))
            .add("ms-cv", fill("{b22}.0", rng))
            .add("x-powered-by", "ASP.NET");
    } else {
        out.add("etag", format!("\"{}\"", answer.etag))
            .add("x-ms-request-id", fill("{x8}-601e-00{x2}-{x4}-58{x2}f1000000", rng))
            .add("x-ms-version", "2009-09-19")
            .add("x-cdn-provider", "Verizon")
            .add("access-control-allow-origin", "*")
            .add("timing-allow-origin", "*")
            .add(
                "nel",
                "{\"report_to\":\"NelSuiteUpload1\",\"max_age\":604800,\"success_fraction\":0.01}",
            )
            .add("strict-transport-security", "max-age=31536000; includeSubDomains");
    }
    out.add("alt-svc", "h3=\":443\",h3-29=\":443\"").add("date", date(answer.now));
}

fn nginx(out: &mut Fields, answer: &Answer<'_>) {
    out.add("server", "nginx")
        .add("date", date(answer.now))
        .add_some("content-type", answer.content_type())
        .add_some("content-length", answer.content_length());
    if answer.dynamic() {
        set_cookies(out, answer);
        out.add("cache-control", "private, no-cache=\"set-cookie\"")
            .add("expires", date(answer.now))
            .add("referrer-policy", "strict-origin-when-cross-origin");
    } else {
        out.add_some("last-modified", answer.last_modified())
            .add("etag", format!("\"{}\"", answer.etag))
            .add("expires", date(answer.now + 604_800))
            .add("cache-control", "max-age=604800")
            .add_some("accept-ranges", answer.has_content().then_some("bytes"));
    }
    out.add_some("location", answer.location)
        .add_some("vary", answer.coding("Accept-Encoding"))
        .add_some("content-encoding", answer.coding("gzip"))
        .add("strict-transport-security", "max-age=15768000");
}

fn front(out: &mut Fields, answer: &Answer<'_>, rng: &mut Rng) {
    out.add_some("content-type", answer.content_type())
        .add_some("content-length", answer.content_length())
        .add("date", date(answer.now));
    if answer.dynamic() {
        set_cookies(out, answer);
        out.add("cache-control", "private, no-cache, no-store, must-revalidate")
            .add("vary", "Accept-Language, Cookie")
            .add("content-language", "fr")
            .add_some("content-encoding", answer.coding("gzip"))
            .add("x-frame-options", "DENY")
            .add_some("location", answer.location)
            .add("x-request-start", answer.now.to_string())
            .add("x-trace", fill("Root=1-{x8}-{x24}", rng))
            .add("x-cache", "Miss from cloudfront");
    } else {
        let hit = !rng.once_in(5);
        out.add_some("last-modified", answer.last_modified())
            .add("etag", format!("\"{}\"", answer.etag))
            .add("x-amz-server-side-encryption", "AES256")
            .add("cache-control", "public, max-age=1209600")
            .add("accept-ranges", "bytes")
            .add("server", "AmazonS3")
            .add_some("access-control-allow-origin", answer.origin)
            .add("x-cache", if hit { "Hit from cloudfront" } else { "Miss from cloudfront" })
            .add_some("age", hit.then(|| rng.below(1_000_000).to_string()));
    }
    out.add("via", fill("1.1 {x32}.cloudfront.net (CloudFront)", rng))
        .add("x-amz-cf-pop", pick(&["FRA60-P4", "FRA60-P4", "FRA56-P11"], rng))
        .add("alt-svc", "h3=\":443\"; ma=86400")
        .add("x-amz-cf-id", fill("{b54}==", rng));
}

fn apache(out: &mut Fields, answer: &Answer<'_>) {
    out.add("date", date(answer.now))
        .add("server", "Apache/2.4.65 (Debian)")
        .add("strict-transport-security", "max-age=31536000");
    if answer.dynamic() {
        set_cookies(out, answer);
        out.add("cache-control", "max-age=3600, public")
            .add("x-drupal-dynamic-cache", "MISS")
            .add("content-language", "en")
            .add("x-content-type-options", "nosniff")
            .add("x-frame-options", "SAMEORIGIN")
            .add("expires", "Sun, 19 Nov 1978 05:00:00 GMT")
            .add("last-modified", date(answer.now - 900))
            .add("etag", format!("W/\"{}\"", answer.now - 900))
            .add("x-generator", "Drupal 10 (https://www.drupal.org)");
    } else {
        out.add_some("last-modified", answer.last_modified())
            .add("etag", format!("\"{}\"", answer.etag))
            .add_some("accept-ranges", answer.has_content().then_some("bytes"))
            .add("cache-control", "max-age=1209600")
            .add("expires", date(answer.now + 1_209_600));
    }
    out.add_some("location", answer.location)
        .add_some("vary", answer.coding("Accept-Encoding"))
        .add_some("content-encoding", answer.coding("gzip"))
        .add_some("content-length", answer.content_length())
        .add_some("content-type", answer.content_type());
}
