//! Writes the seeds of each target into `corpus/<target>/`, where libFuzzer looks for them.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    for target in tollgate_fuzz::TARGETS {
        let folder = Path::new("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}
