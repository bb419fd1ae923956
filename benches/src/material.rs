//! What the work of `streams` is done on: two files in the temporary folder, which go with this.

use std::io;
use std::path::PathBuf;

/// The size of a read and of a write.
pub(crate) const BLOCK: usize = 64 << 10;

pub(crate) struct Material {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    /// In each of the files.
    pub(crate) bytes: usize,
    /// How often the file is read, written or copied.
    pub(crate) passes: usize,
    /// How often a byte goes there and back.
    pub(crate) turns: usize,
}

impl Material {
    pub(crate) fn new(blocks: usize, passes: usize, turns: usize) -> io::Result<Self> {
        let name = |what| {
            let name = format!("standin-bench-{what}-{}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let material = Self {
            source: name("source"),
            target: name("target"),
            bytes: blocks * BLOCK,
            passes,
            turns,
        };
        // So they are in memory.
        let contents = vec![b'x'; material.bytes];
        std::fs::write(&material.source, &contents)?;
        std::fs::write(&material.target, &contents)?;
        Ok(material)
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        // What is left over lies in a temporary folder.
        let _ = std::fs::remove_file(&self.source);
        let _ = std::fs::remove_file(&self.target);
    }
}
