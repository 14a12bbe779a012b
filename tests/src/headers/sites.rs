//! Ten sites: what they are made of, and who visits them.

use super::browsers::Purpose::{Font, Image, Script, Style};
use super::browsers::{Browser, Purpose};
use super::servers::Stack;
use super::visitors::{
    CHROME_ANDROID, CHROME_WINDOWS, EDGE_MAC, FIREFOX_LINUX, FIREFOX_WINDOWS, SAFARI_MAC,
    SAFARI_PHONE,
};

/// A site as a browser sees it over one connection.
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) browser: Browser,
    pub(super) stack: Stack,
    pub(super) host: &'static str,
    /// Hosts of the same certificate and address, whose requests share the connection: for
    /// scripts, styles and fonts, and for pictures.
    pub(super) assets: &'static str,
    pub(super) media: &'static str,
    /// Pages that are visited, the first of them `/`, the others made from the template.
    pub(super) pages: usize,
    pub(super) page: &'static str,
    /// What every page needs; fetched once.
    pub(super) common: &'static [(Purpose, &'static str)],
    /// How many pictures each page has of its own.
    pub(super) pictures: (usize, &'static str),
    /// What each page asks for by script: method and path.
    pub(super) calls: &'static [(&'static str, &'static str)],
    /// Whether calls carry what a framework adds to them.
    pub(super) token: bool,
    pub(super) beacon: Option<&'static str>,
    /// What a server says of each cookie that it sets.
    pub(super) attributes: &'static str,
    pub(super) cookies: &'static [Cookie],
    /// Whether the user was here before: what is common is revalidated, cookies are there.
    pub(super) revisit: bool,
}

/// A cookie and its life.
pub(super) struct Cookie {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    /// A server sets it, and it goes to its host only; a script's goes to all hosts of the site.
    pub(super) by_server: bool,
    /// The page that sets it first.
    pub(super) since: usize,
    /// Set again with another value every so many pages; 0 for never.
    pub(super) every: usize,
}

/// One that a server sets.
const fn set(name: &'static str, value: &'static str) -> Cookie {
    Cookie { name, value, by_server: true, since: 0, every: 0 }
}

/// One that a script sets.
const fn script(name: &'static str, value: &'static str) -> Cookie {
    Cookie { name, value, by_server: false, since: 0, every: 0 }
}

impl Cookie {
    const fn since(mut self, page: usize) -> Self {
        self.since = page;
        self
    }

    const fn every(mut self, pages: usize) -> Self {
        self.every = pages;
        self
    }
}

/// Analytics that most sites have: who the visitor is, and where the session has come to.
const VISITOR: Cookie = script("_ga", "GA1.1.{d10}.17952{d5}");
const VISIT: Cookie = script("_ga_{x10}", "GS2.1.s17952{d5}$o3$g1$t17952{d5}$j{d2}$l0$h0").every(1);

pub(super) const SITES: [Site; 10] = [
    Site {
        name: "news",
        browser: CHROME_WINDOWS,
        stack: Stack::Varnish,
        host: "www.harbourgazette.example",
        assets: "static.harbourgazette.example",
        media: "i.harbourgazette.example",
        pages: 5,
        page: "/news/2026/nov/21/{w6}",
        common: &[
            (Style, "/assets/main.{x20}.css"),
            (Style, "/assets/article.{x20}.css"),
            (Font, "/assets/fonts/headline/full/headline-bold.woff2?v={x8}"),
            (Font, "/assets/fonts/text/full/text-regular.woff2?v={x8}"),
            (Script, "/assets/hg.vendors.{x20}.js"),
            (Script, "/assets/hg.standard.{x20}.js"),
            (Script, "/commercial/bundle.{x20}.js"),
            (Image, "/assets/images/logo-2026.svg"),
            (Image, "/assets/favicons/favicon-32x32.ico"),
        ],
        pictures: (
            8,
            "/img/media/{x40}/0_{d3}_4000_2400/master/4000.jpg?width=465&dpr=1&s=none&crop=5%3A3",
        ),
        calls: &[("GET", "/most-read/news.json?dcr=true"), ("GET", "/email/count/{d5}.json")],
        token: false,
        beacon: Some("/px.gif?id={b22}&e=pageview"),
        attributes: "Domain=.harbourgazette.example; Path=/; Max-Age=7776000",
        cookies: &[
            script("hg_variant", "{d6}"),
            script("hg_geo_country", "GB"),
            set("hg_ab", "{b22}"),
            VISITOR,
            VISIT,
            script(
                "consentUUID",
                "{u}_{d2}; consentDate=2026-11-21T08:00:{d2}.{d3}Z; segment-id={u}",
            )
            .since(1),
            script("_cc_id", "{x32}").since(1),
            script("audience_expiry", "17958{d8}").since(1),
            script("__gads", "ID={x16}:T=17952{d5}:RT=17952{d5}:S=AMZK_{b31}").since(2).every(2),
        ],
        revisit: false,
    },
    Site {
        name: "shop",
        browser: CHROME_WINDOWS,
        stack: Stack::Shield,
        host: "www.fernweh-outdoor.example",
        assets: "www.fernweh-outdoor.example",
        media: "www.fernweh-outdoor.example",
        pages: 6,
        page: "/products/{w4}-{d6}?variant={d14}",
        common: &[
            (Style, "/cdn/shop/t/41/assets/base.css?v={d20}"),
            (Style, "/cdn/shop/t/41/assets/component-cart.css?v={d20}"),
            (Style, "/cdn/shop/t/41/assets/component-slider.css?v={d20}"),
            (Script, "/cdn/shop/t/41/assets/constants.js?v={d20}"),
            (Script, "/cdn/shop/t/41/assets/pubsub.js?v={d20}"),
            (Script, "/cdn/shop/t/41/assets/global.js?v={d20}"),
            (Font, "/cdn/fonts/assistant/assistant_n4.{x40}.woff2"),
            (Image, "/cdn/shop/files/fernweh-logo.png?v=17{d8}&width=180"),
        ],
        pictures: (7, "/cdn/shop/files/{w3}-{d5}.jpg?v=17{d8}&width=533"),
        calls: &[
            ("GET", "/recommendations/products?product_id={d13}&limit=4&intent=related"),
            ("POST", "/cart/add.js"),
        ],
        token: false,
        beacon: Some("/.well-known/shop/monorail/unstable/produce_batch"),
        attributes: "path=/; expires=Sat, 05 Dec 2026 08:00:00 GMT; SameSite=Lax",
        cookies: &[
            set("localization", "GB"),
            set("_shop_y", "{u}"),
            set("_shop_s", "{u}").every(2),
            set("cart", "Y2xkLWV1cm9wZS{b42}%3Fkey%3D{x32}").since(1),
            set("cart_currency", "GBP"),
            set("__cf_bm", "{b43}-17952{d5}-1.0.1.1-{b86}"),
            VISITOR,
            VISIT,
            script("_fbp", "fb.1.17952{d8}.{d18}"),
            script("_gcl_au", "1.1.{d10}.17952{d5}").since(1),
        ],
        revisit: true,
    },
    Site {
        name: "encyclopedia",
        browser: FIREFOX_LINUX,
        stack: Stack::Varnish,
        host: "en.openlexicon.example",
        assets: "en.openlexicon.example",
        media: "upload.openlexicon.example",
        pages: 7,
        page: "/wiki/{w2}_({w1})",
        common: &[
            (
                Style,
                "/w/load.php?lang=en&modules=ext.cite%7Cext.tables.styles%7C\
                 ext.languages%7Cext.editor.target.noscript%7Cskins.wide.icons%2Cstyles&\
                 only=styles&skin=wide-2026",
            ),
            (Style, "/w/load.php?lang=en&modules=site.styles&only=styles&skin=wide-2026"),
            (Script, "/w/load.php?lang=en&modules=startup&only=scripts&raw=1&skin=wide-2026"),
            (
                Script,
                "/w/load.php?lang=en&modules=ext.notices.choice%2Cdisplay%7C\
                 ext.hints%7Clexicon.page.ready&skin=wide-2026&version={b5}",
            ),
            (Image, "/static/images/icons/lexicon.svg"),
            (Image, "/static/images/mobile/copyright/lexicon-wordmark-en.svg"),
            (Image, "/static/favicon/lexicon.ico"),
        ],
        pictures: (5, "/lexicon/commons/thumb/{x1}/{x2}/{w3}.jpg/250px-{w3}.jpg"),
        calls: &[("GET", "/w/rest.php/v1/page/{w2}/links/language")],
        token: false,
        beacon: Some("/beacon/event?schema=NavigationTiming&{d8}"),
        attributes: "Path=/;HttpOnly;secure;Expires=Wed, 23 Dec 2026 00:00:00 GMT",
        cookies: &[
            set("Last-Access", "21-Nov-2026"),
            set("Last-Access-Global", "21-Nov-2026"),
            set("GeoIP", "DE:HE:Frankfurt:50.11:8.68:v4"),
            set("NetworkProbeLimit", "0.001"),
            script("enlexuser-sessionId", "{x20}"),
        ],
        revisit: true,
    },
    Site {
        name: "video",
        browser: CHROME_ANDROID,
        stack: Stack::Search,
        host: "m.clipstream.example",
        assets: "m.clipstream.example",
        media: "i.clipstream.example",
        pages: 4,
        page: "/watch?v={b11}&pp={b24}%3D%3D",
        common: &[
            (
                Style,
                "/s/_/mweb/_/ss/k=mweb.small.mobile.{b11}.L.X.O/am=AAACAg/d=0/br=1/\
                 rs=AQXk1yH{b27}",
            ),
            (
                Script,
                "/s/_/mweb/_/js/k=mweb.base.en_GB.{b11}.es5.O/am=AAACAg/d=1/br=1/rs=AQXk1yF{b27}",
            ),
            (Script, "/s/player/{x8}/player-small-phone-en_GB.set/base.js"),
            (Image, "/static/logos/favicon_144x144.png"),
        ],
        pictures: (
            10,
            "/vi/{b11}/720.jpg?sz=-k7cWQEcBNAGEKQDTGYzr5rqBx5JBSVBBJiDHBGxBdBCCh==&rs=BPo5DM{b26}",
        ),
        calls: &[
            ("POST", "/streamapi/v1/next?prettyPrint=false"),
            ("POST", "/streamapi/v1/log_event?alt=json"),
            (
                "GET",
                "/api/stats/qoe?fmt=244&afmt=251&cpn={b16}&el=detailpage&ns=cs&\
                 fexp={d8}%2C{d8}%2C{d8}&cl={d9}&seq=1&docid={b11}&ei={b22}",
            ),
        ],
        token: true,
        beacon: Some("/csi_204?v=2&s=clipstream&action=watch&it=fcp.{d3}&ei={b22}"),
        attributes: "Domain=.clipstream.example; Expires=Thu, 20-May-2027 08:00:00 GMT; Path=/; \
                     Secure; HttpOnly; SameSite=none",
        cookies: &[
            set("VISITOR_INFO1_LIVE", "{b11}"),
            set("VISITOR_PRIVACY_METADATA", "CgJCUhIEEgAg{b4}%3D%3D"),
            set("YSC", "{b11}"),
            set("__Secure-ROLLOUT_TOKEN", "C{b40}EAA{b30}%3D").every(2),
            script("PREF", "f4=4000000&tz=America.Sao_Paulo"),
            set("SID", "g.a000{b146}"),
            set("LOGIN_INFO", "AKp3T7xw{b60}:QVB5MTIz{b160}"),
            script("ST-{b7}", "csn={b16}&itct={b40}").since(1).every(1),
        ],
        revisit: true,
    },
    Site {
        name: "mail",
        browser: EDGE_MAC,
        stack: Stack::Office,
        host: "outbox.office-suite.example",
        assets: "res.office-suite.example",
        media: "outbox.office-suite.example",
        pages: 3,
        page: "/mail/inbox/id/AAMkAGI{b96}%3D",
        common: &[
            (Script, "/owamail/hashed-v1/scripts/owa.runtime.m.{x8}.js"),
            (Script, "/owamail/hashed-v1/scripts/owa.mail.m.{x8}.js"),
            (Script, "/owamail/hashed-v1/scripts/owa.vendors-mail.m.{x8}.js"),
            (Style, "/owamail/20261114003.10/resources/styles/fluent-base.css"),
            (Font, "/owamail/20261114003.10/resources/fonts/segoeui-semibold.woff2"),
            (Image, "/owamail/20261114003.10/resources/images/0/sprite1.mouse.png"),
        ],
        pictures: (4, "/imageB2/v1.0/users('{x32}')/photo/$value?size=48x48&uid={x16}"),
        calls: &[
            ("POST", "/owa/service.svc?action=FindConversation&app=Mail&n={d2}"),
            ("POST", "/owa/service.svc?action=GetConversationItems&app=Mail&n={d2}"),
            ("POST", "/owa/service.svc?action=UpdateItem&app=Mail&n={d2}"),
            ("GET", "/search/api/v1/suggestions?query={w1}&setflight=&n={d2}"),
            ("POST", "/owa/service.svc?action=GetItem&app=Mail&n={d2}"),
            ("POST", "/owa/service.svc?action=SubscribeToNotification&app=Mail&n={d2}"),
            ("GET", "/ows/v1.0/OutlookOptions/Signatures"),
            ("POST", "/owa/service.svc?action=GetPersona&app=People&n={d2}"),
        ],
        token: true,
        beacon: Some("/owa/plt1.aspx?app=Mail&nId={u}"),
        attributes: "expires=Sun, 21-Nov-2027 08:00:00 GMT; path=/;SameSite=None; secure; HttpOnly",
        cookies: &[
            set("ClientId", "{x32}"),
            set("OIDC", "1"),
            set("OpenIdConnect.token.v1", "{b320}"),
            set("X-OWA-RedirectHistory", "BqTz902C{b22}"),
            set("DefaultAnchorMailbox", "PUID:{x16}@{u}"),
            set("X-OWA-CANARY", "{b76}."),
            set("HostSwitchPrg", "Tabs=2"),
            script("as", "MSSKU=0"),
        ],
        revisit: true,
    },
    Site {
        name: "forum",
        browser: FIREFOX_WINDOWS,
        stack: Stack::Nginx,
        host: "www.schrauber-forum.example",
        assets: "www.schrauber-forum.example",
        media: "www.schrauber-forum.example",
        pages: 8,
        page: "/viewtopic.php?f={d2}&t={d6}",
        common: &[
            (Style, "/assets/css/font-awesome.min.css?assets_version=214"),
            (Style, "/styles/prosilver/theme/stylesheet.css?assets_version=214"),
            (Style, "/styles/prosilver/theme/de/stylesheet.css?assets_version=214"),
            (Script, "/assets/javascript/jquery-3.7.1.min.js?assets_version=214"),
            (Script, "/assets/javascript/core.js?assets_version=214"),
            (Script, "/styles/prosilver/template/forum_fn.js?assets_version=214"),
            (Image, "/styles/prosilver/theme/images/site_logo.svg"),
            (Image, "/images/smilies/icon_e_smile.gif"),
            (Font, "/assets/fonts/fontawesome-webfont.woff2?v=4.7.0"),
        ],
        pictures: (5, "/download/file.php?avatar={d4}_17{d8}.jpg"),
        calls: &[],
        token: false,
        beacon: None,
        attributes: "expires=Sun, 21-Nov-2027 08:00:00 GMT; path=/; \
                     domain=.schrauber-forum.example; secure; HttpOnly",
        cookies: &[
            set("phpbb3_k81xq_u", "{d5}"),
            set("phpbb3_k81xq_k", ""),
            set("phpbb3_k81xq_sid", "{x32}"),
            set("phpbb3_k81xq_track", "tl%3A{x8}_{x8}%2Ct%3A{x6}").since(1).every(1),
        ],
        revisit: true,
    },
    Site {
        name: "photos",
        browser: SAFARI_PHONE,
        stack: Stack::Front,
        host: "www.pellicule.example",
        assets: "www.pellicule.example",
        media: "media.pellicule.example",
        pages: 3,
        page: "/p/{b11}/",
        common: &[
            (Style, "/static/css/app.{x16}.css"),
            (Script, "/static/js/runtime.{x16}.js"),
            (Script, "/static/js/vendor.{x16}.js"),
            (Script, "/static/js/feed.{x16}.js"),
            (Image, "/static/img/sprite_core.{x16}.png"),
            (Image, "/apple-touch-icon-precomposed.png"),
        ],
        pictures: (
            12,
            "/v/t51/{d9}_{d15}_{d19}_n.jpg?stp=dst-jpg_e35_s640x640&efg={b40}&nc_ht=media&\
             nc_cat={d3}&nc_oc={b30}&ccb=7-5&oh=00_{b32}&oe=6925{x4}&nc_sid={x6}",
        ),
        calls: &[
            ("POST", "/graphql/query"),
            ("GET", "/api/v1/feed/user/{d11}/?count=12&max_id={d19}_{d11}"),
        ],
        token: true,
        beacon: Some("/ajax/bz?_d={d6}"),
        attributes: "expires=Sun, 26-Dec-2027 08:00:00 GMT; Max-Age=34560000; Path=/; \
                     Domain=.pellicule.example; Secure",
        cookies: &[
            set("csrftoken", "{b32}"),
            set("mid", "aR{b26}"),
            set("datr", "{b24}"),
            set("sessionid", "{d11}%3A{b14}%3A{d2}%3AAY{b60}"),
            set("rur", "\"CLN\\054{d11}\\05418267{d5}:01fe{x48}\"").every(1),
            script("wd", "390x664"),
        ],
        revisit: false,
    },
    Site {
        name: "council",
        browser: SAFARI_MAC,
        stack: Stack::Apache,
        host: "www.northmoor.gov.example",
        assets: "www.northmoor.gov.example",
        media: "www.northmoor.gov.example",
        pages: 6,
        page: "/services/{w2}/{w3}",
        common: &[
            (Style, "/sites/default/files/css/css_{b43}.css?delta=0&language=en&theme=localgov"),
            (Style, "/sites/default/files/css/css_{b43}.css?delta=1&language=en&theme=localgov"),
            (Script, "/sites/default/files/js/js_{b43}.js?scope=footer&delta=0&language=en"),
            (Script, "/core/misc/drupal.init.js?v=10.5.4"),
            (Font, "/themes/custom/localgov/fonts/source-sans-3-v15-latin-regular.woff2"),
            (Image, "/themes/custom/localgov/logo.svg"),
            (Image, "/themes/custom/localgov/images/crest-footer.png"),
        ],
        pictures: (
            3,
            "/sites/default/files/styles/teaser/public/2026-{d2}/{w3}.jpg?h={x8}&itok={b8}",
        ),
        calls: &[],
        token: false,
        beacon: None,
        attributes: "path=/; secure; HttpOnly",
        cookies: &[
            script("cookie-agreed-version", "1.0.1"),
            script("cookie-agreed", "2").since(1),
            script("cookie-agreed-categories", "%5B%22functional%22%2C%22analytics%22%5D").since(1),
            VISITOR.since(1),
            VISIT.since(1),
        ],
        revisit: true,
    },
    Site {
        name: "dashboard",
        browser: CHROME_WINDOWS,
        stack: Stack::Shield,
        host: "app.metricboard.example",
        assets: "app.metricboard.example",
        media: "app.metricboard.example",
        pages: 5,
        page: "/w/acme/projects/67c2e90fa41b5d38e6079f12/insights?range=7d&tab=overview",
        common: &[
            (Script, "/_next/static/chunks/webpack-{x16}.js"),
            (Script, "/_next/static/chunks/framework-{x16}.js"),
            (Script, "/_next/static/chunks/main-{x16}.js"),
            (Script, "/_next/static/chunks/pages/_app-{x16}.js"),
            (Script, "/_next/static/chunks/{d4}-{x16}.js"),
            (Script, "/_next/static/chunks/{d3}-{x16}.js"),
            (Script, "/_next/static/{b21}/_buildManifest.js"),
            (Style, "/_next/static/css/{x16}.css"),
            (Font, "/_next/static/media/{x16}-s.p.woff2"),
        ],
        pictures: (2, "/_next/image?url=%2Favatars%2F{x24}.png&w=64&q=75"),
        calls: &[
            (
                "GET",
                "/api/v2/projects/67c2e90fa41b5d38e6079f12/summary?from=1794643200&to=1795248000",
            ),
            (
                "GET",
                "/api/v2/projects/67c2e90fa41b5d38e6079f12/series?metric=latency_p95&step=300&\
                 from=1794643200&to=1795248000",
            ),
            ("POST", "/api/v2/projects/67c2e90fa41b5d38e6079f12/query"),
            ("GET", "/api/v2/notifications?unread=true&limit=20"),
            ("PUT", "/api/v2/users/me/preferences"),
        ],
        token: true,
        beacon: Some("/ingest/e/?ip=0&_=17952{d8}&ver=1.180.1&compression=gzip-js"),
        attributes: "Path=/; HttpOnly; Secure; SameSite=Lax",
        cookies: &[
            set("__Host-next-auth.csrf-token", "{x64}%7C{x64}"),
            set(
                "__Secure-next-auth.session-token",
                "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..{b16}.{b420}.{b22}",
            )
            .every(3),
            set("__cf_bm", "{b43}-17952{d5}-1.0.1.1-{b86}"),
            script(
                "ph_phc_{b43}_capture",
                "%7B%22distinct_id%22%3A%22{u}%22%2C\
                 %22%24session%22%3A%5B17952{d8}%2C%22{u}%22%2C17952{d8}%5D%7D",
            )
            .every(1),
            script("theme", "dark"),
        ],
        revisit: false,
    },
    Site {
        name: "maps",
        browser: FIREFOX_LINUX,
        stack: Stack::Front,
        host: "www.wayfarer.example",
        assets: "www.wayfarer.example",
        media: "tiles.wayfarer.example",
        pages: 3,
        page: "/route?from=50.1109,8.6821&to=47.{d4},8.{d4}&mode=bike",
        common: &[
            (Style, "/dist/map.{x12}.css"),
            (Script, "/dist/map.{x12}.js"),
            (Script, "/dist/worker.{x12}.js"),
            (Image, "/dist/sprite@2x.{x12}.png"),
            (Font, "/dist/inter-var.{x12}.woff2"),
        ],
        pictures: (18, "/v4/base/12/21{d2}/13{d2}@2x.webp?key=wf_7Jq2kXv0Lm4TnR8s"),
        calls: &[
            ("GET", "/api/geocode?q={w2}&lat=50.11&lon=8.68&limit=5"),
            ("POST", "/api/route/v2"),
        ],
        token: false,
        beacon: None,
        attributes: "Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=1209600",
        cookies: &[
            set("wf_session", "{b64}"),
            script("wf_units", "metric"),
            script("wf_view", "12%2F50.1109%2F8.6{d3}").every(1),
        ],
        revisit: false,
    },
];
