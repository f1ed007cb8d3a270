// The files of settings that a Keylime of today wants: every option without a default has to be there.

export interface LivePorts {
  readonly verifier: number;
  readonly registrar: number;
  readonly plain: number;
  readonly revocation: number;
}

const TLS = `
server_key = default
server_key_password =
server_cert = default
trusted_client_ca = default
client_key = default
client_key_password =
client_cert = default
trusted_server_ca = default`;

const STORE = `
database_url = sqlite
database_pool_sz_ovfl = 5,10
auto_migrate_db = True`;

const PATIENCE = `
exponential_backoff = False
retry_interval = 1
max_retries = 4
request_timeout = 20`;

/** The text of each component's file. A node is asked every second, and no TPM needs a manufacturer. */
export function liveSettings(ports: LivePorts, work: string): Readonly<Record<string, string>> {
  return {
    verifier: `[verifier]
version = 2.5
uuid = default
mode = pull
ip = 127.0.0.1
port = ${ports.verifier}
registrar_ip = 127.0.0.1
registrar_port = ${ports.registrar}
num_workers = 1
tls_dir = generate
enable_agent_mtls = True
quote_interval = 1
max_upload_size = 104857600
require_allow_list_signatures = False
ignore_tomtou_errors = False
measured_boot_policy_name = accept-all
measured_boot_imports = []
measured_boot_evaluate = once
severity_labels = ["info", "emergency"]
severity_policy = [{"event_id": ".*", "severity_label": "emergency"}]
durable_attestation_import =
signed_attributes =${TLS}${STORE}${PATIENCE}

[revocations]
enabled_revocation_notifications = []
zmq_ip = 127.0.0.1
zmq_port = ${ports.revocation}
webhook_url =
`,
    registrar: `[registrar]
version = 2.5
ip = 127.0.0.1
port = ${ports.plain}
tls_port = ${ports.registrar}
tls_dir = default
tpm_identity = default
malformed_cert_action = warn
durable_attestation_import =
signed_attributes = ek_tpm,aik_tpm,ekcert${TLS}${STORE}
`,
    tenant: `[tenant]
version = 2.5
verifier_ip = 127.0.0.1
verifier_port = ${ports.verifier}
registrar_ip = 127.0.0.1
registrar_port = ${ports.registrar}
tls_dir = default
enable_agent_mtls = True
tpm_cert_store = ${work}/tpm_cert_store
max_payload_size = 1048576
accept_tpm_hash_algs = ['sha512', 'sha384', 'sha256']
accept_tpm_encryption_algs = ['ecc', 'rsa']
accept_tpm_signing_algs = ['ecschnorr', 'rsassa']
require_ek_cert = False
ek_check_script =
mb_refstate =${TLS}${PATIENCE}
`,
    ca: `[ca]
version = 2.5
password = default
cert_country = XX
cert_ca_name = Test CA
cert_state = None
cert_locality = None
cert_organization = Test
cert_org_unit = Test
cert_ca_lifetime = 3650
cert_lifetime = 365
cert_bits = 2048
cert_crl_dist = http://127.0.0.1:1/crl
`,
    logging: `[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[formatter_plain]
format = %(asctime)s - %(name)s - %(levelname)s - %(message)s

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
level = INFO
formatter = plain
args = (sys.stdout,)
`,
  };
}
