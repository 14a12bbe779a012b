//! The browsers that visit.

use super::browsers::{Browser, Engine};

pub(super) const CHROME_WINDOWS: Browser = Browser {
    engine: Engine::Chromium,
    user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36",
    brands: "\"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"",
    platform: "\"Windows\"",
    languages: "en-GB,en-US;q=0.9,en;q=0.8",
};
pub(super) const CHROME_ANDROID: Browser = Browser {
    user_agent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Mobile Safari/537.36",
    platform: "\"Android\"",
    languages: "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7",
    ..CHROME_WINDOWS
};
pub(super) const EDGE_MAC: Browser = Browser {
    user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like \
                 Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    brands: "\"Chromium\";v=\"142\", \"Microsoft Edge\";v=\"142\", \"Not_A Brand\";v=\"99\"",
    platform: "\"macOS\"",
    languages: "en-US,en;q=0.9",
    ..CHROME_WINDOWS
};
pub(super) const FIREFOX_LINUX: Browser = Browser {
    engine: Engine::Gecko,
    user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    brands: "",
    platform: "",
    languages: "en-US,en;q=0.5",
};
pub(super) const FIREFOX_WINDOWS: Browser = Browser {
    user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    languages: "de,en-US;q=0.7,en;q=0.3",
    ..FIREFOX_LINUX
};
pub(super) const SAFARI_MAC: Browser = Browser {
    engine: Engine::WebKit,
    user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, \
                 like Gecko) Version/18.6 Safari/605.1.15",
    brands: "",
    platform: "",
    languages: "en-GB,en;q=0.9",
};
pub(super) const SAFARI_PHONE: Browser = Browser {
    user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    languages: "fr-FR,fr;q=0.9",
    ..SAFARI_MAC
};
