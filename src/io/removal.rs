//! Removes a folder however deep it is: `std::fs::remove_dir_all` holds a descriptor for each level, and a cache may be a stranger's.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Removes a folder and all that is in it. A link goes, and not what it leads to.
///
/// Each folder is moved up to the first level before it is emptied, so that no more than two are open.
pub(in crate::io) fn remove_folder(path: &Path) -> io::Result<()> {
    let top = open(CWD, path)?;
    let mut waiting = emptied(&top)?;
    let mut number = 0_u64;
    while let Some(name) = waiting.pop() {
        let folder = match open(&top, name.as_c_str()) {
            // A folder that was empty gave its place to one that was moved up, which is gone by now.
            Err(Errno::NOENT) => continue,
            opened => opened?,
        };
        for inner in emptied(&folder)? {
            // Whoever may remove a folder may still not move it.
            if unlinkat(&folder, &inner, AtFlags::REMOVEDIR).is_ok() {
                continue;
            }
            loop {
                let above = CString::new(number.to_string())?;
                number += 1;
                match renameat(&folder, &inner, &top, &above) {
                    Err(Errno::EXIST | Errno::NOTEMPTY) => continue,
                    Err(Errno::NOENT) => {}
                    moved => moved.map(|()| waiting.push(above))?,
                }
                break;
            }
        }
        unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
    }
    std::fs::remove_dir(path)
}

fn open(at: impl AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

/// Removes what is no folder from one, and returns the names of its folders.
fn emptied(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut folders = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let removed = match entry.file_type() {
            FileType::Directory => Err(Errno::ISDIR),
            _ => unlinkat(folder, name, AtFlags::empty()),
        };
        match removed {
            // macOS says that it is not permitted where the file system did not tell the type.
            Err(Errno::ISDIR | Errno::PERM) => folders.push(name.to_owned()),
            // Somebody else was faster.
            Err(Errno::NOENT) => {}
            outcome => outcome?,
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_deeper_than_a_path_may_be_long_goes_and_what_a_link_leads_to_stays() {
        let place = tempfile::tempdir().unwrap();
        let (folder, other) = (place.path().join("gone"), place.path().join("other"));
        fs::create_dir_all(folder.join("0/0/0")).unwrap();
        fs::create_dir(folder.join("1")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&other, folder.join("0/link")).unwrap();
        let mut at = open(CWD, &folder).unwrap();
        for _ in 0..3_000 {
            rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
            at = open(&at, "deep").unwrap();
            rustix::fs::symlinkat("..", &at, "link").unwrap();
        }
        remove_folder(&folder).unwrap();
        assert!(!folder.exists() && other.join("file").exists());
        assert_eq!(
            remove_folder(&folder).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
