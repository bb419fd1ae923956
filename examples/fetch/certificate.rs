//! A self-signed certificate for the embedded server, made at start-up.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use std::error::Error;
use std::sync::Arc;

/// The certificate and what the server needs to use it.
pub(crate) struct Certificate {
    /// For clients: what to trust.
    pub(crate) pem: String,
    server: Arc<ServerConfig>,
}

impl Certificate {
    /// Makes a certificate for the loopback address and `localhost`.
    pub(crate) fn self_signed() -> Result<Certificate, Box<dyn Error>> {
        let names = ["127.0.0.1".to_string(), "localhost".to_string()];
        let made = rcgen::generate_simple_self_signed(names)?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        Ok(Certificate {
            pem: made.cert.pem(),
            server: Arc::new(server),
        })
    }

    /// A server that shows this certificate.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server.clone()
    }
}
