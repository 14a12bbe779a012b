//! How browsers ask: which fields, in which order, with which words.

use super::{Block, Fields};

/// A family of browsers that send the same fields in the same order.
#[derive(Clone, Copy)]
pub(super) enum Engine {
    Chromium,
    Gecko,
    WebKit,
}

/// One browser of one user.
#[derive(Clone, Copy)]
pub(super) struct Browser {
    pub(super) engine: Engine,
    pub(super) user_agent: &'static str,
    /// What Chromium says in `sec-ch-ua`, and the platform.
    pub(super) brands: &'static str,
    pub(super) platform: &'static str,
    pub(super) languages: &'static str,
}

/// What something is fetched for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Document,
    Style,
    Script,
    Image,
    Font,
    /// A script asks for data, or sends some.
    Call,
    /// A script tells of what happened and wants no answer.
    Beacon,
}

/// A request before a browser has put it in its words.
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) purpose: Purpose,
    /// The page that asks; none if it was the user.
    pub(super) referer: Option<&'a str>,
    /// How the page and the host are related: what Fetch calls the site.
    pub(super) site: &'static str,
    /// The origin of the page, where it has to be told.
    pub(super) origin: Option<&'a str>,
    pub(super) reload: bool,
    pub(super) cookies: &'a [&'a (String, String)],
    pub(super) etag: Option<&'a str>,
    pub(super) modified: Option<&'a str>,
    /// Media type and length of the content, if there is any.
    pub(super) content: Option<(&'static str, usize)>,
    /// What an application adds to its calls.
    pub(super) own: &'a [(&'static str, String)],
}

impl Browser {
    pub(super) fn request(&self, ask: &Ask<'_>) -> Block {
        match self.engine {
            Engine::Chromium => self.chromium(ask),
            Engine::Gecko => self.gecko(ask),
            Engine::WebKit => self.webkit(ask),
        }
    }

    fn chromium(&self, ask: &Ask<'_>) -> Block {
        let document = ask.purpose == Purpose::Document;
        let mobile = if self.user_agent.contains("Mobile") { "?1" } else { "?0" };
        let accept = match ask.purpose {
            Purpose::Document => {
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                 image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
            }
            Purpose::Style => "text/css,*/*;q=0.1",
            Purpose::Image => "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
            _ => "*/*",
        };
        let priority = match ask.purpose {
            Purpose::Document => "u=0, i",
            Purpose::Style | Purpose::Font => "u=0",
            Purpose::Script => "u=1",
            Purpose::Image => "u=2, i",
            Purpose::Call => "u=1, i",
            Purpose::Beacon => "u=4, i",
        };
        let mut out = Fields::default();
        out.add(":method", ask.method)
            .add(":authority", ask.host)
            .add(":scheme", "https")
            .add(":path", ask.path)
            .add_some("content-length", ask.content.map(|it| it.1.to_string()));
        if document {
            out.add_some("cache-control", ask.reload.then_some("max-age=0"))
                .add("sec-ch-ua", self.brands)
                .add("sec-ch-ua-mobile", mobile)
                .add("sec-ch-ua-platform", self.platform)
                .add("upgrade-insecure-requests", "1")
                .add("user-agent", self.user_agent);
        } else {
            out.add("sec-ch-ua-platform", self.platform);
            own(&mut out, ask);
            out.add("user-agent", self.user_agent)
                .add("sec-ch-ua", self.brands)
                .add_some("content-type", ask.content.map(|it| it.0))
                .add("sec-ch-ua-mobile", mobile);
        }
        out.add("accept", accept)
            .add_some("origin", ask.origin)
            .add("sec-fetch-site", ask.site)
            .add("sec-fetch-mode", mode(ask))
            .add_some("sec-fetch-user", document.then_some("?1"))
            .add("sec-fetch-dest", destination(ask.purpose))
            .add_some("referer", ask.referer)
            .add("accept-encoding", "gzip, deflate, br, zstd")
            .add("accept-language", self.languages);
        crumbs(&mut out, ask);
        out.add_some("if-none-match", ask.etag)
            .add_some("if-modified-since", ask.modified)
            .add("priority", priority);
        out.end()
    }

    fn gecko(&self, ask: &Ask<'_>) -> Block {
        let document = ask.purpose == Purpose::Document;
        let accept = match ask.purpose {
            Purpose::Document => "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            Purpose::Style => "text/css,*/*;q=0.1",
            Purpose::Image => {
                "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
            }
            Purpose::Font => "application/font-woff2;q=1.0,application/font-woff;q=0.9,*/*;q=0.8",
            _ => "*/*",
        };
        let priority = match ask.purpose {
            Purpose::Document => "u=0, i",
            Purpose::Style | Purpose::Font | Purpose::Script => "u=2",
            Purpose::Image => "u=5, i",
            Purpose::Call => "u=4",
            Purpose::Beacon => "u=6",
        };
        let mut out = Fields::default();
        out.add(":method", ask.method)
            .add(":path", ask.path)
            .add(":authority", ask.host)
            .add(":scheme", "https")
            .add("user-agent", self.user_agent)
            .add("accept", accept)
            .add("accept-language", self.languages)
            .add("accept-encoding", "gzip, deflate, br, zstd")
            .add_some("referer", ask.referer)
            .add_some("content-type", ask.content.map(|it| it.0));
        own(&mut out, ask);
        out.add_some("content-length", ask.content.map(|it| it.1.to_string()))
            .add_some("origin", ask.origin);
        crumbs(&mut out, ask);
        out.add_some("upgrade-insecure-requests", document.then_some("1"))
            .add("sec-fetch-dest", destination(ask.purpose))
            .add("sec-fetch-mode", mode(ask))
            .add("sec-fetch-site", ask.site)
            .add_some("sec-fetch-user", document.then_some("?1"))
            .add_some("if-modified-since", ask.modified)
            .add_some("if-none-match", ask.etag)
            .add("priority", priority)
            .add_some("cache-control", ask.reload.then_some("max-age=0"))
            .add("te", "trailers");
        out.end()
    }

    fn webkit(&self, ask: &Ask<'_>) -> Block {
        let accept = match ask.purpose {
            Purpose::Document => "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            Purpose::Style => "text/css,*/*;q=0.1",
            Purpose::Image => {
                "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,\
                 image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
            }
            _ => "*/*",
        };
        let priority = match ask.purpose {
            Purpose::Document => "u=0, i",
            Purpose::Style => "u=1",
            Purpose::Script => "u=2",
            Purpose::Image => "u=5, i",
            Purpose::Font | Purpose::Call | Purpose::Beacon => "u=3, i",
        };
        let mut out = Fields::default();
        out.add(":method", ask.method)
            .add(":scheme", "https")
            .add(":path", ask.path)
            .add(":authority", ask.host)
            .add_some("content-type", ask.content.map(|it| it.0))
            .add("accept", accept)
            .add_some("if-none-match", ask.etag)
            .add_some("if-modified-since", ask.modified)
            .add("sec-fetch-site", ask.site);
        own(&mut out, ask);
        // All cookies in one line, where the others send one a line.
        if !ask.cookies.is_empty() {
            let pairs: Vec<_> = ask.cookies.iter().map(|it| format!("{}={}", it.0, it.1)).collect();
            out.add("cookie", pairs.join("; "));
        }
        out.add("sec-fetch-dest", destination(ask.purpose))
            .add("accept-language", self.languages)
            .add("sec-fetch-mode", mode(ask))
            .add_some("origin", ask.origin)
            .add("user-agent", self.user_agent)
            .add_some("referer", ask.referer)
            .add_some("content-length", ask.content.map(|it| it.1.to_string()))
            .add("accept-encoding", "gzip, deflate, br")
            .add("priority", priority);
        out.end()
    }
}

fn own(out: &mut Fields, ask: &Ask<'_>) {
    for (name, value) in ask.own {
        out.add(name, value);
    }
}

/// A cookie a line (RFC 9113 §8.2.3), as Chromium and Gecko do.
fn crumbs(out: &mut Fields, ask: &Ask<'_>) {
    for (name, value) in ask.cookies {
        out.add("cookie", format!("{name}={value}"));
    }
}

fn destination(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Document => "document",
        Purpose::Style => "style",
        Purpose::Script => "script",
        Purpose::Image => "image",
        Purpose::Font => "font",
        Purpose::Call | Purpose::Beacon => "empty",
    }
}

fn mode(ask: &Ask<'_>) -> &'static str {
    match ask.purpose {
        Purpose::Document => "navigate",
        Purpose::Font | Purpose::Call => "cors",
        _ => "no-cors",
    }
}
