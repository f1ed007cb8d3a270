//! Fresh quotes of a software TPM, made by tpm2-tools while the test runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use ima_assay_digest::Algorithm;

use super::{COVERED, NONCE, names, read_pcrs};
use crate::quote::{
    Accepted, AttestationKey, QuoteCheck, QuoteOutput, QuoteScheme, QuoteSignature, verify_quote,
};
use crate::testing::{has_tool, hex, must_not_skip};

/// A software TPM that ends with the test.
struct Tpm {
    process: Child,
    tcti: String,
    directory: tempfile::TempDir,
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Tpm {
    fn start() -> Option<Self> {
        if !has_tool("swtpm") || !has_tool("tpm2_quote") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let at = |name: &str| directory.path().join(name).display().to_string();
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", directory.path().display())])
            .args(["--server", &format!("type=unixio,path={}", at("socket"))])
            .args(["--ctrl", &format!("type=unixio,path={}", at("socket.ctrl"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tpm = Self {
            process,
            tcti: format!("swtpm:path={}", socket.display()),
            directory,
        };
        for _ in 0..100 {
            if socket.exists() {
                return Some(tpm);
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert!(!must_not_skip(), "swtpm does not start");
        println!("skipped: swtpm does not start");
        None
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs one of the tools. What it leaves in the TPM is flushed.
    fn run(&self, line: &str) -> Option<Vec<u8>> {
        let call = |line: &str| {
            let mut words = line.split_whitespace();
            Command::new(words.next().unwrap())
                .args(words)
                .env("TPM2TOOLS_TCTI", &self.tcti)
                .current_dir(self.path())
                .output()
                .unwrap()
        };
        let output = call(line);
        call("tpm2_flushcontext -t");
        if !output.status.success() {
            println!("{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success().then_some(output.stdout)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }
}

#[test]
fn fresh_quotes_of_every_kind_hold() {
    let Some(tpm) = Tpm::start() else {
        return;
    };
    tpm.run("tpm2_createek -c 0x81010001 -G ecc -u ek.pub").unwrap();
    let one = |digits: usize| format!("{:0>digits$}", 1);
    tpm.run(&format!("tpm2_pcrextend 10:sha1={},sha256={}", one(40), one(64)))
        .unwrap();
    let nonce = hex(NONCE);
    let rows = [
        ("rsa", "rsassa", "sha256"),
        ("rsa", "rsassa", "sha384"),
        ("rsa", "rsassa", "sha1"),
        ("rsa", "rsapss", "sha256"),
        ("ecc256", "ecdsa", "sha256"),
        ("ecc384", "ecdsa", "sha384"),
        ("ecc521", "ecdsa", "sha512"),
    ];
    for (kind, scheme, hash) in rows {
        let why = format!("{kind} {scheme} {hash}");
        tpm.run(&format!(
            "tpm2_createak -C 0x81010001 -c ak.ctx -G {kind} -g {hash} -s {scheme} -u ak.pub -f tss -n ak.name"
        ))
        .unwrap_or_else(|| panic!("{why}"));
        let quote = |more: &str| {
            tpm.run(&format!(
                "tpm2_quote -c ak.ctx -l sha256:10,0+sha1:10 -q {nonce} -g {hash} --scheme {scheme} \
                 -m message -s signature -o pcrs {more}"
            ))
            .unwrap_or_else(|| panic!("{why}"))
        };
        let key = AttestationKey::parse(&tpm.read("ak.pub")).unwrap();
        let name = key.tpm.as_ref().unwrap().name.clone();
        assert_eq!(name, Some(tpm.read("ak.name")), "{why}");
        let algorithm: Algorithm = hash.parse().unwrap();
        let mut accepted = Accepted::default();
        accepted.hashes.push(Algorithm::Sha1);
        let verify = |message: &[u8], signature: &QuoteSignature<'_>, accepted: &Accepted, pcrs: &[u8]| {
            names(&verify_quote(&QuoteCheck {
                message,
                signature,
                key: &key,
                accepted,
                nonce: Some(NONCE),
                required: COVERED,
                pcrs: Some(&read_pcrs(pcrs, message)),
            }))
        };
        let good = (true, vec![], vec![]);
        let scheme = QuoteScheme::from_name(scheme).unwrap();

        let printed = quote("-F serialized");
        let (message, bytes) = (tpm.read("message"), tpm.read("signature"));
        let signature = QuoteSignature::parse(&bytes).unwrap();
        assert_eq!((signature.scheme(), signature.hash()), (scheme, algorithm));
        assert_eq!(
            verify(&message, &signature, &accepted, &tpm.read("pcrs")),
            good,
            "{why}"
        );
        let by_default = verify(&message, &signature, &Accepted::default(), &tpm.read("pcrs"));
        assert_eq!(by_default.0, algorithm != Algorithm::Sha1, "{why}");

        let output = QuoteOutput::parse(str::from_utf8(&printed).unwrap()).unwrap();
        assert_eq!(output.message, message);
        let signature = output.signature(algorithm);
        assert_eq!(verify(&message, &signature, &accepted, &printed), good, "{why}");

        quote("-f plain -F values");
        let (message, bytes) = (tpm.read("message"), tpm.read("signature"));
        let signature = QuoteSignature::plain(scheme, algorithm, &bytes);
        assert_eq!(
            verify(&message, &signature, &accepted, &tpm.read("pcrs")),
            good,
            "{why}"
        );

        let printed = tpm.run("tpm2_pcrread sha256:0,10+sha1:10").unwrap();
        assert_eq!(verify(&message, &signature, &accepted, &printed), good, "{why}");
        tpm.run("tpm2_pcrread sha256:0,10+sha1:10 -o read").unwrap();
        assert_eq!(
            verify(&message, &signature, &accepted, &tpm.read("read")),
            good,
            "{why}"
        );
    }
}
