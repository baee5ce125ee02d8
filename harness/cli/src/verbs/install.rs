//! `tollgate install envoy`.

use crate::args::{InstallArgs, Installable};
use crate::status::Status;

/// Installs what was named, and says where it is.
pub(crate) fn run(options: &InstallArgs) -> anyhow::Result<Status> {
    match options.what {
        Installable::Envoy => {
            let path = tollgate_gateways::install_envoy()?;
            crate::out::line(&path.display().to_string());
            eprintln!("installed; try: tollgate run --gateway envoy");
        }
    }
    Ok(Status::Pass)
}
