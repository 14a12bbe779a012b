//! Visits: a user opens pages, a browser fetches what they need, and remembers.

use super::browsers::{Ask, Purpose};
use super::clock::{MORNING, date};
use super::fill::fill;
use super::servers::Answer;
use super::sites::{SITES, Site};
use super::{Connection, Exchange, Kind, split};
use crate::rng::Rng;

/// What the browsers send, and what the sites do.
pub(super) fn directions() -> (Vec<Connection>, Vec<Connection>) {
    SITES
        .iter()
        .zip(1..)
        .map(|(site, seed)| {
            let kinds = (Kind::BrowserRequests, Kind::SiteResponses);
            split(site.name, kinds, Visit::new(site, seed).run())
        })
        .unzip()
}

/// Something at a site that a browser can keep.
struct Asset {
    purpose: Purpose,
    host: &'static str,
    path: String,
    length: usize,
    etag: String,
    modified: u64,
}

/// A cookie that the browser has, and whether all hosts of the site get it.
struct Kept {
    pair: (String, String),
    everywhere: bool,
}

struct Visit {
    site: &'static Site,
    rng: Rng,
    now: u64,
    /// In the order of the site's list; none before its time.
    jar: Vec<Option<Kept>>,
    /// The page that is open, and the one before it.
    page: String,
    before: Option<String>,
    token: String,
    exchanges: Vec<Exchange>,
}

impl Visit {
    fn new(site: &'static Site, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let token = fill("{b43}", &mut rng);
        Self {
            site,
            now: MORNING + seed * 1357,
            jar: site.cookies.iter().map(|_| None).collect(),
            page: String::new(),
            before: None,
            token,
            exchanges: Vec::new(),
            rng,
        }
    }

    fn run(mut self) -> Vec<Exchange> {
        let site = self.site;
        if site.revisit {
            self.bake(0);
        }
        let common: Vec<Asset> = site
            .common
            .iter()
            .map(|(purpose, path)| {
                let media = *purpose == Purpose::Image;
                self.asset(*purpose, if media { site.media } else { site.assets }, path)
            })
            .collect();
        for page in 0..site.pages {
            let cookies = if page == 0 && site.revisit { Vec::new() } else { self.bake(page) };
            self.open(page, &cookies);
            if page == 0 {
                for asset in &common {
                    self.fetch(asset, site.revisit);
                }
                self.missing();
            }
            let pictures = site.pictures.0 - self.rng.below(1 + site.pictures.0 / 3);
            for _ in 0..pictures {
                let picture = self.asset(Purpose::Image, site.media, site.pictures.1);
                // The same picture stands on many pages, and the browser has it.
                let known = site.revisit && self.rng.once_in(4);
                self.fetch(&picture, known);
            }
            self.calls();
            // The user reads.
            self.now += 20 + self.rng.below(90) as u64;
        }
        self.exchanges
    }

    fn asset(&mut self, purpose: Purpose, host: &'static str, template: &str) -> Asset {
        Asset {
            purpose,
            host,
            path: fill(template, &mut self.rng),
            length: 400 + self.rng.below(90_000),
            etag: fill("{x8}-{x5}", &mut self.rng),
            modified: MORNING - 3600 - self.rng.below(30_000_000) as u64,
        }
    }

    /// Sets the cookies whose time has come; returns what the server says to it.
    fn bake(&mut self, page: usize) -> Vec<String> {
        let mut said = Vec::new();
        for (slot, cookie) in self.jar.iter_mut().zip(self.site.cookies) {
            let again = cookie.every > 0 && page.is_multiple_of(cookie.every);
            if page < cookie.since || (slot.is_some() && !again) {
                continue;
            }
            let name = match slot.take() {
                Some(kept) => kept.pair.0,
                None => fill(cookie.name, &mut self.rng),
            };
            let value = fill(cookie.value, &mut self.rng);
            if cookie.by_server {
                said.push(format!("{name}={value}; {}", self.site.attributes));
            }
            *slot = Some(Kept { pair: (name, value), everywhere: !cookie.by_server });
        }
        said
    }

    /// Opens a page, sometimes by way of one that moved.
    fn open(&mut self, number: usize, cookies: &[String]) {
        let site = self.site;
        let path = if number == 0 { "/".into() } else { fill(site.page, &mut self.rng) };
        let page = Asset {
            purpose: Purpose::Document,
            host: site.host,
            path,
            length: 20_000 + self.rng.below(100_000),
            etag: fill("{x8}-{x5}", &mut self.rng),
            modified: self.now - 60,
        };
        let url = format!("https://{}{}", site.host, page.path);
        self.before = (number > 0).then(|| core::mem::take(&mut self.page));
        self.page.clone_from(&url);
        if number % 3 == 2 {
            let moved = Asset { path: page.path.replacen('/', "//", 1), ..asset_of(&page) };
            self.exchange(&moved, "GET", "301", Some(&url), &[]);
        }
        self.exchange(&page, "GET", "200", None, cookies);
    }

    fn fetch(&mut self, asset: &Asset, known: bool) {
        self.exchange(asset, "GET", if known { "304" } else { "200" }, None, &[]);
    }

    /// What pages ask for although nobody has it.
    fn missing(&mut self) {
        let icon = Asset {
            length: 1245,
            ..self.asset(Purpose::Image, self.site.host, "/apple-touch-icon-120x120.png")
        };
        self.exchange(&icon, "GET", "404", None, &[]);
    }

    fn calls(&mut self) {
        let site = self.site;
        for (method, path) in site.calls {
            let call = Asset {
                length: 60 + self.rng.below(6000),
                ..self.asset(Purpose::Call, site.host, path)
            };
            self.exchange(&call, method, if *method == "PUT" { "204" } else { "200" }, None, &[]);
        }
        if let Some(path) = site.beacon {
            let beacon = self.asset(Purpose::Beacon, site.host, path);
            self.exchange(&beacon, "POST", "204", None, &[]);
        }
    }

    fn exchange(
        &mut self,
        asset: &Asset,
        method: &'static str,
        status: &'static str,
        location: Option<&str>,
        set_cookies: &[String],
    ) {
        let site = self.site;
        let own_host = asset.host == site.host;
        let cookies: Vec<_> = (self.jar.iter().flatten())
            .filter(|kept| kept.everywhere || own_host)
            .map(|kept| &kept.pair)
            .collect();
        let origin = format!("https://{}", site.host);
        let top = format!("{origin}/");
        let document = asset.purpose == Purpose::Document;
        let by = if document { self.before.as_deref() } else { Some(self.page.as_str()) };
        let cors = matches!(asset.purpose, Purpose::Font) || method != "GET";
        let content = (method != "GET").then(|| match asset.purpose {
            Purpose::Beacon => ("text/plain;charset=UTF-8", 200 + self.rng.below(900)),
            _ => ("application/json", 90 + self.rng.below(2000)),
        });
        let own = if asset.purpose == Purpose::Call && site.token {
            vec![
                ("x-csrf-token", self.token.clone()),
                ("x-requested-with", "XMLHttpRequest".into()),
                ("x-request-id", fill("{u}", &mut self.rng)),
            ]
        } else {
            Vec::new()
        };
        let known = status == "304";
        let (etag, modified) = (format!("\"{}\"", asset.etag), date(asset.modified));
        let request = site.browser.request(&Ask {
            method,
            host: asset.host,
            path: &asset.path,
            purpose: asset.purpose,
            // What is on another host learns the origin of the page only.
            referer: by.map(|url| if own_host { url } else { top.as_str() }),
            site: match (by, own_host) {
                (None, _) => "none",
                (Some(_), true) => "same-origin",
                (Some(_), false) => "same-site",
            },
            origin: cors.then_some(origin.as_str()),
            reload: document && self.before.is_none() && site.revisit,
            cookies: &cookies,
            etag: known.then_some(etag.as_str()),
            modified: known.then_some(modified.as_str()),
            content,
            own: &own,
        });
        let answer = site.stack.respond(
            &Answer {
                status,
                purpose: asset.purpose,
                path: &asset.path,
                length: asset.length,
                etag: &asset.etag,
                modified: asset.modified,
                now: self.now,
                location,
                set_cookies,
                origin: (!own_host).then_some(origin.as_str()),
            },
            &mut self.rng,
        );
        self.exchanges.push(Exchange { request, answer: vec![answer] });
        // Most requests of a page go out together.
        self.now += u64::from(self.rng.once_in(6));
    }
}

/// The same, to be changed in places.
fn asset_of(asset: &Asset) -> Asset {
    Asset { path: asset.path.clone(), etag: asset.etag.clone(), ..*asset }
}
