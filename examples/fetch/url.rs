//! The part of a URL (RFC 3986) that fetching a page needs.

use std::net::Ipv6Addr;

/// An `http` or `https` URL.
#[derive(Debug, PartialEq)]
pub(crate) struct Url {
    pub(crate) tls: bool,
    /// A host name or an address, IPv6 without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query: what the request line asks for.
    pub(crate) target: String,
}

impl Url {
    /// Reads a URL, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Url, String> {
        // No other character may stand in a URL, and a line break would end the request line.
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!("{odd:?} in it must be percent-encoded"));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it must begin with http:// or https://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("scheme {scheme:?} is neither http nor https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        Ok(Url {
            tls,
            host: host.to_string(),
            port: match port {
                None | Some("") => Url::default_port(tls),
                Some(port) => match port.parse() {
                    Ok(port) if port > 0 => port,
                    _ => return Err(format!("port {port:?} is not a number from 1 to 65535")),
                },
            },
            target: match path.starts_with('/') {
                true => path.to_string(),
                false => format!("/{path}"),
            },
        })
    }

    /// The value of the request's `Host` header.
    pub(crate) fn host_header(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port == Url::default_port(self.tls) {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    fn default_port(tls: bool) -> u16 {
        if tls { 443 } else { 80 }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if authority.contains('@') {
        return Err("a user name in it is not supported".to_string());
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        host.parse::<Ipv6Addr>()
            .map_err(|_| format!("{host:?} is not an IPv6 address"))?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((host, None)),
            Some(port) => Ok((host, Some(port))),
            None => Err(format!("{rest:?} follows the address")),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err("it names no host".to_string());
    }
    match host.find(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c)) {
        Some(_) => Err(format!("{host:?} is not a host name")),
        None => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn takes_urls_apart() {
        let url = Url::parse("HTTPS://example.org:8443/a/b?c=d#e").unwrap();
        assert!(url.tls);
        assert_eq!((url.host.as_str(), url.port), ("example.org", 8443));
        assert_eq!(url.target, "/a/b?c=d");
        assert_eq!(url.host_header(), "example.org:8443");

        let url = Url::parse("http://[::1]?q").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 80));
        assert_eq!(url.target, "/?q");
        assert_eq!(url.host_header(), "[::1]");
    }

    #[test]
    fn refuses_what_is_no_url() {
        for text in [
            "",
            "example.org",
            "ftp://example.org/",
            "http://",
            "http:///path",
            "http://user@example.org/",
            "http://example.org:port/",
            "http://example.org:0/",
            "http://example.org:65536/",
            "http://exa mple.org/",
            "http://example.org/\r\nX: y",
            "http://exa$mple.org/",
            "http://[::1/",
            "http://[::1]x/",
            "http://[nonsense]/",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?} was taken for a URL");
        }
    }
}
