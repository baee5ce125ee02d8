use super::guest::{bytes, give_bytes};
use super::status::{Outcome, Status};
use super::{Guest, Phase, State, Version};

/// Properties that a guest may set: bytes of all of them with their paths, and how many.
const LIMIT_BYTES: usize = 16 * 1024 * 1024;
const LIMIT_PROPERTIES: usize = 1024;

/// `proxy_get_property`.
pub(crate) fn proxy_get_property<G: Guest>(
    guest: &mut G,
    path: u32,
    path_size: u32,
    value_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let path = bytes(memory, path, path_size)?;
    state.count_out(path.len());
    if path == b"plugin_vm_memory" && state.version == Version::V0_2_100 {
        // Higress's SDK looks there whether it is time for a fresh VM.
        let size_bytes = (memory.len() as u64).to_le_bytes();
        return give_bytes(guest, &size_bytes, (value_at, size_at));
    }
    let value = state.property(path).ok_or(Status::NotFound)?;
    give_bytes(guest, &value, (value_at, size_at))
}

/// `proxy_set_property`: until the stream is over. Like in Envoy, there is nothing to set it on while there is none.
pub(crate) fn proxy_set_property<G: Guest>(
    guest: &mut G,
    path: u32,
    path_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let (path, value) = (bytes(memory, path, path_size)?, bytes(memory, value, value_size)?);
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    if state.phase == Phase::Start {
        return Err(Status::NotFound.into());
    }
    let bytes: usize = state.properties.iter().map(|(path, value)| path.len() + value.len()).sum();
    if bytes + path.len() + value.len() > LIMIT_BYTES || state.properties.len() >= LIMIT_PROPERTIES {
        return Err(Status::BadArgument.into());
    }
    state.properties.insert(path.to_owned(), value.to_owned());
    state.count_out(path.len() + value.len());
    Ok(())
}

impl State {
    /// The value of a path, whose parts are separated by NUL; some SDKs put one at the end as well.
    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        if let Some(value) = self.properties.get(path) {
            return Some(value.clone());
        }
        let parts: Vec<&[u8]> = path.split(|&byte| byte == 0).collect();
        match *parts {
            [b"plugin_root_id"] => Some(self.identity.root_id.clone().into_bytes()),
            [b"plugin_name"] => Some(self.identity.name.clone().into_bytes()),
            // Envoy's value for a VM that was given no id.
            [b"plugin_vm_id"] => Some(Vec::new()),
            [b"route_name" | b"cluster_name"] => Some(b"tollgate".to_vec()),
            [b"request", ref attribute @ ..] => self.request_attribute(attribute),
            [b"response", ref attribute @ ..] => self.response_attribute(attribute),
            _ => None,
        }
    }

    fn request_attribute(&self, attribute: &[&[u8]]) -> Option<Vec<u8>> {
        if self.phase == Phase::Start {
            return None;
        }
        let name: &[u8] = match *attribute {
            [b"path"] => b":path",
            [b"method"] => b":method",
            [b"scheme"] => b":scheme",
            [b"host"] => b":authority",
            [b"useragent"] => b"user-agent",
            [b"referer"] => b"referer",
            [b"id"] => b"x-request-id",
            [b"headers", name] => name,
            [b"url_path"] => return self.url().map(|(path, _)| path.to_owned()),
            [b"query"] => return self.url().map(|(_, query)| query.to_owned()),
            [b"protocol"] => return Some(b"HTTP/1.1".to_vec()),
            [b"size"] => return Some((self.exchange.request_body.len() as u64).to_le_bytes().to_vec()),
            _ => return None,
        };
        self.exchange.request.get(name).map(<[u8]>::to_owned)
    }

    fn response_attribute(&self, attribute: &[&[u8]]) -> Option<Vec<u8>> {
        if !matches!(self.phase, Phase::Response | Phase::End) {
            return None;
        }
        match *attribute {
            [b"headers", name] => self.exchange.response.get(name).map(<[u8]>::to_owned),
            // Envoy gives numbers as 64 bits, little-endian.
            [b"code"] => {
                let status = std::str::from_utf8(self.exchange.response.get(":status")?).ok()?;
                Some(status.parse::<u64>().ok()?.to_le_bytes().to_vec())
            }
            [b"size"] => Some((self.exchange.response_body.len() as u64).to_le_bytes().to_vec()),
            _ => None,
        }
    }

    /// Path and query of the request.
    fn url(&self) -> Option<(&[u8], &[u8])> {
        let path = self.exchange.request.get(":path")?;
        Some(match path.iter().position(|&byte| byte == b'?') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (path, &[]),
        })
    }
}
