//! Whom TLS connections trust: the web's usual roots, and what the user adds.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::error::Error;
use std::sync::Arc;

/// A client that trusts the web's roots, the certificates in the PEM files, and those in
/// `pem`, a PEM text.
pub(crate) fn client(
    files: &[String],
    pem: Option<&str>,
) -> Result<Arc<ClientConfig>, Box<dyn Error>> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for file in files {
        let text = std::fs::read(file).map_err(|error| format!("--trust {file}: {error}"));
        let added = add(&mut roots, &text?).map_err(|error| format!("--trust {file}: {error}"))?;
        if added == 0 {
            return Err(format!("--trust {file}: it holds no PEM certificate").into());
        }
    }
    if let Some(pem) = pem {
        add(&mut roots, pem.as_bytes())?;
    }
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(client))
}

/// Adds the certificates of a PEM text, and says how many there were.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<usize, Box<dyn Error>> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    Ok(roots.len() - before)
}
