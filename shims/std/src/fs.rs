//! [`std::fs`] with what may wait for a disk replaced.

pub use ::std::fs::*;
#[allow(deprecated, reason = "std has it")]
pub use standin::fs::soft_link;
pub use standin::fs::{
    DirBuilder, DirEntry, File, OpenOptions, ReadDir, canonicalize, copy, create_dir,
    create_dir_all, exists, hard_link, metadata, read, read_dir, read_link, read_to_string,
    remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, write,
};
