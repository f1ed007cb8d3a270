//! Tests on images that skopeo and umoci make, on layouts made here, and on some that no program makes. What is in
//! them `umoci unpack` and `sha256sum` say.

mod choices;
mod hostile;
mod programs;
mod whiteouts;

use std::fs;
use std::path::{Path, PathBuf};

use ima_assay_digest::{Algorithm, hash};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::error::Explain as _;
use crate::image::ExtractOptions;
use crate::image::tar::tests::{Lines, Made, archive, digests, lines, listed};
use crate::image::testing::{extracted, options};
use crate::testing::{has_tool, run};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hash(Algorithm::Sha256, bytes))
}

/// A layout that is being made.
struct Layout {
    directory: TempDir,
}

impl Layout {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir_all(directory.path().join("layout/blobs/sha256")).unwrap();
        let layout = Self { directory };
        layout.write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        layout
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("layout")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Where a blob lies.
    fn place(&self, digest: &str) -> PathBuf {
        self.path().join("blobs").join(digest.replace(':', "/"))
    }

    /// Stores bytes and gives their descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = sha256(bytes);
        fs::write(self.place(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn json(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    fn config(&self, architecture: &str, diff_ids: &[String]) -> Value {
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        self.json(CONFIG, &config)
    }

    /// An image of plain layers, and its descriptor.
    fn image(&self, architecture: &str, layers: &[Vec<u8>]) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob(LAYER, layer)).collect();
        self.manifest(&self.config(architecture, &diff_ids), &layers)
    }

    fn manifest(&self, config: &Value, layers: &[Value]) -> Value {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.json(MANIFEST, &manifest)
    }

    /// An index of other descriptors, and its own.
    fn index(&self, manifests: &[Value]) -> Value {
        self.json(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}),
        )
    }

    /// What is at the top.
    fn holds(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        self.write("index.json", index.to_string().as_bytes());
    }

    /// The code of the error that it gives.
    fn code(&self) -> &'static str {
        code_of(&self.path(), &options())
    }

    fn listed(&self) -> Lines {
        listed(&self.path())
    }
}

fn code_of(path: &Path, options: &ExtractOptions) -> &'static str {
    match extracted(path, options) {
        Ok(extraction) => panic!("no error but {} files", lines(&extraction).len()),
        Err(error) => error.code(),
    }
}

/// A descriptor with another field.
fn with(descriptor: &Value, key: &str, value: Value) -> Value {
    let mut changed = descriptor.clone();
    changed[key] = value;
    changed
}

fn named(descriptor: &Value, name: &str) -> Value {
    with(
        descriptor,
        "annotations",
        json!({"org.opencontainers.image.ref.name": name}),
    )
}

fn for_platform(descriptor: &Value, architecture: &str) -> Value {
    with(
        descriptor,
        "platform",
        json!({"os": "linux", "architecture": architecture}),
    )
}

/// What `umoci unpack` makes of the image called `it`, by `sha256sum`.
fn unpacked(directory: &Path) -> Lines {
    let bundle = directory.join("bundle");
    if bundle.exists() {
        // umoci keeps the modes of directories.
        run(directory, "chmod -R u+rwx bundle");
        fs::remove_dir_all(&bundle).unwrap();
    }
    run(directory, "umoci unpack --rootless --image layout:it bundle");
    run(directory, "chmod -R u+rwX bundle/rootfs");
    digests(&bundle.join("rootfs"))
}

/// A layer with one file in it.
fn layer(name: &str, text: &str) -> Vec<u8> {
    archive(&[Made::file(name, text)])
}
