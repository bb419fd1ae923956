//! What directories promise.

use super::fs::Folder;
use super::shapes::{fs, os};
use fs::{DirBuilder, File};
use os::unix::fs::{DirBuilderExt as _, DirEntryExt as _, MetadataExt as _, symlink};
use std::collections::BTreeSet;
use std::io::ErrorKind;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("fs_directories", fs_directories),
    ("fs_builder", fs_builder),
    ("fs_many_entries", fs_many_entries),
    ("fs_so_many_entries", fs_so_many_entries),
    ("fs_remove_a_tree", fs_remove_a_tree),
];

fn fs_directories() {
    let folder = Folder::new();
    let deep = folder.at("a/b/c");
    assert_eq!(
        fs::create_dir(&deep).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir_all(&deep).unwrap();
    assert_eq!(
        fs::create_dir(&deep).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true);
    builder.create(folder.at("a/d/e")).unwrap();
    assert_eq!(
        fs::metadata(folder.at("a/d/e")).unwrap().mode() & 0o777,
        0o700
    );
    let full = fs::remove_dir(folder.at("a")).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
    fs::remove_dir(&deep).unwrap();
    fs::remove_dir_all(folder.at("a")).unwrap();
    assert!(!fs::exists(folder.at("a")).unwrap());
    assert_eq!(fs::read_dir(&deep).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

fn fs_builder() {
    let folder = Folder::new();
    let mode = |name| fs::metadata(folder.at(name)).unwrap().mode() & 0o777;
    let mut builder = DirBuilder::new();
    let error = builder.create(folder.at("a/b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    builder.mode(0o500).create(folder.at("only")).unwrap();
    assert_eq!(mode("only"), 0o500);
    let error = builder.create(folder.at("only")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    // All that are made get it, and what is there already stays as it is.
    builder.recursive(true).mode(0o700);
    builder.create(folder.at("a/b")).unwrap();
    assert_eq!((mode("a"), mode("a/b")), (0o700, 0o700));
    builder.mode(0o500).create(folder.at("a/b")).unwrap();
    assert_eq!(mode("a/b"), 0o700);
    fs::write(folder.at("file"), "").unwrap();
    let error = builder.create(folder.at("file")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = builder.create(folder.at("file/below")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

fn fs_many_entries() {
    let folder = Folder::new();
    for n in 0..200 {
        fs::write(folder.at(&n.to_string()), "12").unwrap();
    }
    fs::create_dir(folder.at("folder")).unwrap();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&folder.0).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(entry.path(), folder.at(&name));
        let metadata = entry.metadata().unwrap();
        assert_eq!(entry.ino(), metadata.ino());
        assert_eq!(entry.file_type().unwrap(), metadata.file_type());
        assert_eq!(metadata.is_dir(), name == "folder");
        assert!(names.insert(name));
    }
    assert_eq!(names.len(), 201);
    // What was read stays readable when the folder is gone; at the end it stays at the end.
    let mut entries = fs::read_dir(&folder.0).unwrap();
    let first = entries.next().unwrap().unwrap();
    fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(first.metadata().unwrap_err().kind(), ErrorKind::NotFound);
    while entries.next().is_some() {}
    assert!(entries.next().is_none());
}

/// About as many as are read ahead, which is 64.
fn fs_so_many_entries() {
    let folder = Folder::new();
    let mut made = 0;
    for count in [0, 1, 63, 64, 65, 127, 128, 129] {
        for n in made..count {
            File::create_new(folder.at(&n.to_string())).unwrap();
        }
        made = count;
        let mut entries = fs::read_dir(&folder.0).unwrap();
        let names: BTreeSet<_> = entries.by_ref().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), count);
        // Nor does it go on when there are more.
        File::create_new(folder.at("late")).unwrap();
        assert!((0..3).all(|_| entries.next().is_none()));
        fs::remove_file(folder.at("late")).unwrap();
    }
}

fn fs_remove_a_tree() {
    let folder = Folder::new();
    let (tree, kept) = (folder.at("tree"), folder.at("kept"));
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("file"), "x").unwrap();
    let mut branch = tree.clone();
    for depth in 0..8 {
        branch.push(depth.to_string());
        fs::create_dir_all(branch.join("empty")).unwrap();
        for n in 0..10 {
            fs::write(branch.join(format!("file {n}")), "x").unwrap();
        }
        symlink(&kept, branch.join("link")).unwrap();
    }
    symlink("nowhere", branch.join("broken")).unwrap();
    fs::remove_dir_all(&tree).unwrap();
    assert!(!fs::exists(&tree).unwrap());
    // Links are removed, not followed.
    assert_eq!(fs::read_to_string(kept.join("file")).unwrap(), "x");
    let gone = fs::remove_dir_all(&tree).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}
