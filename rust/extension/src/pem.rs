//! Keys and certificates of the engine as PEM.

use godot::classes::{CryptoKey, FileAccess, Os, X509Certificate};
use godot::global::Error;
use godot::prelude::*;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The first line of each certificate.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// The object identifiers of Ed25519 and Ed448 (RFC 8410 section 3) in DER.
const EDWARDS: [[u8; 5]; 2] = [[6, 3, 0x2B, 0x65, 0x70], [6, 3, 0x2B, 0x65, 0x71]];

/// Returns a certificate as PEM, with the certificates that follow it in its file.
///
/// The engine (4.6.3) repeats the first certificate instead of writing the following ones. They are read from the file
/// that the certificate was loaded from, as long as that still begins with the same certificate.
pub(crate) fn certificate_text(certificate: &Gd<X509Certificate>) -> String {
    let path = certificate.get_path();
    let Some(text) = saved(certificate) else {
        // No folder is writable.
        let file = file_text(&path);
        return if file.contains(BEGIN) {
            file
        } else {
            // The engine reads past the end of its buffer here, and prints errors about the bytes that it finds.
            first_of(&certificate.clone().save_to_string().to_string()).to_owned()
        };
    };
    if text.matches(BEGIN).count() > 1 {
        let file = file_text(&path);
        if first_of(&file).split_whitespace().eq(first_of(&text).split_whitespace()) {
            return file;
        }
    }
    first_of(&text).to_owned()
}

/// Returns a certificate as the engine writes it to a file; `None` if no file can be written.
fn saved(certificate: &Gd<X509Certificate>) -> Option<String> {
    let folder = TemporaryFolder::create()?;
    let file = folder.0.join("certificate.crt");
    let saved = certificate.clone().save(&GString::from(file.to_str()?)) == Error::OK;
    let text = fs::read(&file).ok().filter(|_| saved)?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Returns the first certificate of a text, without the text before it.
fn first_of(text: &str) -> &str {
    let text = text.find(BEGIN).map_or("", |at| &text[at..]);
    let end = text.get(BEGIN.len()..).and_then(|rest| rest.find("-----END CERTIFICATE-----"));
    end.map_or(text, |at| &text[..BEGIN.len() + at + "-----END CERTIFICATE-----".len()])
}

/// Returns the text of one of the game's files; empty if it does not exist.
fn file_text(path: &GString) -> String {
    if path.is_empty() || !FileAccess::file_exists(path) {
        return String::new();
    }
    String::from_utf8_lossy(FileAccess::get_file_as_bytes(path).as_slice()).into_owned()
}

/// A folder that only this user can enter. Dropping it removes it and its content.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> Option<Self> {
        let os = Os::singleton();
        let engines = [os.get_cache_dir(), os.get_user_data_dir()];
        let places = engines.iter().map(|place| PathBuf::from(place.to_string()));
        std::iter::once(env::temp_dir()).chain(places).find_map(|place| {
            // The hash keys of the standard library's maps are random.
            let random = RandomState::new().build_hasher().finish();
            let folder = place.join(format!("lodewire-{random:016x}"));
            create_private(&folder).ok().map(|()| Self(folder))
        })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Creates a folder; an error if something of that name exists.
#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// Creates a folder; an error if something of that name exists. Other systems keep the folders of a user private.
#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

/// Returns a private key as PEM.
///
/// # Errors
/// Returns the problem, to follow the name of the key in a message, with what to do.
pub(crate) fn key_text(key: &Gd<CryptoKey>) -> Result<String, &'static str> {
    if !key.is_public_only() {
        return Ok(key.clone().save_to_string().to_string());
    }
    // The engine does not distinguish a key that it could not read from a public one.
    Err(unreadable(&file_text(&key.get_path())))
}

/// Returns the problem of a file from which the engine has read no private key.
fn unreadable(text: &str) -> &'static str {
    if text.contains("ENCRYPTED") {
        return "is encrypted, which the engine cannot read: remove its password, as with `openssl pkey -in FILE -out NEW`.";
    }
    if text.contains("PUBLIC KEY") {
        return "contains only a public key: load the private key.";
    }
    if let Some(body) = text.split("-----BEGIN PRIVATE KEY-----").nth(1) {
        let body: String =
            body.split("-----").next().unwrap_or_default().split_whitespace().collect();
        let der = godot::classes::Marshalls::singleton().base64_to_raw(&GString::from(&body));
        let has = |oid: &[u8; 5]| der.as_slice().windows(oid.len()).any(|bytes| bytes == oid);
        if EDWARDS.iter().any(has) {
            return "is an Ed25519 or Ed448 key, which the engine cannot read: use RSA of 2048 to 4096 bits, or EC on P-256 or P-384.";
        }
    }
    "is empty, or contains only a public key. CryptoKey.load() fails for an encrypted or Ed25519 key: use RSA or EC, without a password."
}
