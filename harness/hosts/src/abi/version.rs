/// Version of the ABI that a guest was built for, from the marker that it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V0_1_0,
    V0_2_0,
    V0_2_1,
    /// Higress's: 0.2.1, and some host functions that no other gateway has. Stock Envoy refuses its marker; here it
    /// runs in process, so that its plugins can be measured at all.
    V0_2_100,
}

impl Version {
    const MARKERS: [(&'static str, Self); 4] = [
        ("proxy_abi_version_0_1_0", Self::V0_1_0),
        ("proxy_abi_version_0_2_0", Self::V0_2_0),
        ("proxy_abi_version_0_2_1", Self::V0_2_1),
        ("proxy_abi_version_0_2_100", Self::V0_2_100),
    ];

    /// The version as people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
            Self::V0_2_100 => "0.2.100",
        }
    }

    /// What the exports say, or what is wrong with them and what to do.
    pub(crate) fn of_exports<'a>(exports: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut found = None;
        let mut unknown = None;
        for export in exports.filter(|name| name.starts_with("proxy_abi_version_")) {
            match Self::MARKERS.iter().find(|(marker, _)| *marker == export) {
                Some((_, version)) => found = found.max(Some(*version)),
                None => unknown = Some(export),
            }
        }
        match (found, unknown) {
            (Some(version), _) => Ok(version),
            (None, Some(marker)) => Err(format!(
                "it exports `{marker}`, and this host knows 0.1.0, 0.2.0, 0.2.1 and Higress's 0.2.100; build it with an SDK for one of these"
            )),
            (None, None) => Err("it exports no `proxy_abi_version_0_1_0`, `_0_2_0` or `_0_2_1`, so it is no \
                 Proxy-Wasm plugin; build it with a Proxy-Wasm SDK, or export the marker of the ABI it is written for"
                .to_owned()),
        }
    }
}
