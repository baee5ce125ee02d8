//! Ctrl-C, and the hang-up or termination of our terminal, end a run early and in order.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt only raises a flag, which the measuring loops ask for; a second one ends the process at
/// once, because whoever sends it does not want to wait.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\ninterrupted: writing what is finished (again to quit at once)");
    })?;
    Ok(())
}

/// Whether to stop.
pub(crate) fn requested() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}
