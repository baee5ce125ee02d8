use tollgate_fixtures::Plugin;

use super::LuaInspection;
use crate::{HostError, luajit};

pub(super) fn inspect(plugin: &Plugin) -> Result<LuaInspection, HostError> {
    let (on_request, on_response) = luajit::definitions(plugin)?;
    Ok(LuaInspection {
        size_bytes: plugin.bytes.len() as u64,
        lines: String::from_utf8_lossy(&plugin.bytes).lines().count() as u64,
        on_request,
        on_response,
    })
}
