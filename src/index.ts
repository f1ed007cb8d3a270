export { Allowlist, Serialisation } from './allowlist/allowlist.ts';
export type { AllowlistFormat, AllowlistRow } from './allowlist/allowlist.ts';
export type { Check } from './doctor/check.ts';
export { checkKeylime } from './doctor/keylime.ts';
export type { KeylimeChecks } from './doctor/keylime.ts';
export { checkPrograms } from './doctor/programs.ts';
export type { Driven, ProgramChecks } from './doctor/programs.ts';
export { AssayError } from './error.ts';
export type { Place } from './error.ts';
export { applyImageBuild, BuildError } from './image-builder/build.ts';
export type { Build, BuildOptions, BuildPhase } from './image-builder/build.ts';
export { compareWithBuildList } from './image-builder/compare.ts';
export type { CompareOptions, ListChecksum, ListComparison } from './image-builder/compare.ts';
export type { ListChange, ListDifference, ListReason } from './image-builder/list-reasons.ts';
export { formatCommand, GUIDE_ELEMENTS, planImageBuild } from './image-builder/plan.ts';
export type { BuildPlan, BuildRequest } from './image-builder/plan.ts';
export { extractAllowlist, inspectImage } from './image/extract.ts';
export type { Extraction } from './image/extract.ts';
export { OverlayError, planOverlay, writeOverlay } from './image/overlay.ts';
export type { Addition, Overlay, OverlayOptions, OverlayPlan, Placed, Occupant } from './image/overlay.ts';
export { findPackages } from './image/packages.ts';
export { fetchRpmRepository } from './image/rpm-repository.ts';
export type { FetchOptions, FetchProgress } from './image/rpm-repository.ts';
export type { PackageOwner, PackageOwners } from './image/packages.ts';
export type { ExtractOptions, ImageSummary, Layer, Limits, Note, Omission } from './image/types.ts';
export { findAgent, warnOfAgent } from './keylime/agents.ts';
export type { AgentSelector, FindOptions } from './keylime/agents.ts';
export { applyAttestation, diffAttestation, inspectAttestation } from './keylime/attest.ts';
export type {
  AttestationOptions,
  AttestationStep,
  FoundAttestation,
  WantedAttestation,
} from './keylime/attest.ts';
export { describeState, explainEvent, judge } from './keylime/attestation.ts';
export type { AttestationStanding, EventMeaning } from './keylime/attestation.ts';
export { CertificateError, checkCertificates, readCertificates } from './keylime/certificates.ts';
export type { CertificateDates, ClientCertificates, Validity } from './keylime/certificates.ts';
export { collectCertificates } from './keylime/collect.ts';
export type { CertificateRole, CollectedCertificates } from './keylime/collect.ts';
export { applySettings, planSettings, warnOfLaterSnippets } from './keylime/configure.ts';
export type { AppliedSettings, PlannedFile } from './keylime/configure.ts';
export { KeylimeConnection } from './keylime/connection.ts';
export type { ConnectionOptions, Question, ServerAnswer } from './keylime/connection.ts';
export { formatEndpoint, keylimePorts, parseEndpoint } from './keylime/endpoint.ts';
export type { Endpoint } from './keylime/endpoint.ts';
export { explainAttestation, findCauses } from './keylime/explain.ts';
export type { AttestationReport, OwnEvidence } from './keylime/explain.ts';
export { Registrar } from './keylime/registrar.ts';
export type { RegisteredAgent } from './keylime/registrar.ts';
export { Tenant } from './keylime/tenant-program.ts';
export type { AgentToAdd, PolicyFile, TenantAbilities, TenantOptions } from './keylime/tenant-program.ts';
export { Verifier } from './keylime/verifier.ts';
export type { AttestedAgent, StoredPolicy } from './keylime/verifier.ts';
export { stopAttestation, waitForAttestation } from './keylime/wait.ts';
export type { WaitOptions } from './keylime/wait.ts';
export { chooseSettings, listStartSteps, warnOfSettings } from './keylime/settings.ts';
export type { ServerPart, ServerSettings, Setting, SettingsFile, StartStep } from './keylime/settings.ts';
export { openMeasurementList } from './measurement-list/open.ts';
export type { OpenOptions } from './measurement-list/open.ts';
export { describeMeasurementList, replayMeasurementList } from './measurement-list/replay.ts';
export type { ListStats, Replay, ReplayOptions } from './measurement-list/replay.ts';
export type { Entry, EntryBatch, EntryFilter, ListFault, ListLimits } from './measurement-list/types.ts';
export {
  AllowlistError,
  EvidenceError,
  ExcludeListError,
  ImageError,
  MeasurementListError,
  NativeError,
  PolicyError,
} from './native/errors.ts';
export { listAlgorithms } from './native/algorithms.ts';
export type { HashAlgorithm } from './native/algorithms.ts';
export type { Progress, WorkOptions } from './native/work.ts';
export type { CloudOptions } from './openstack/client.ts';
export type { Image, Visibility } from './openstack/images.ts';
export type { DeployRequest, Instance } from './openstack/instances.ts';
export type { BareMetalNode, NodePort } from './openstack/networks.ts';
export { applyNodeDeploy, planNodeDeploy } from './openstack/node-deploy.ts';
export type { DeployAction, DeployOptions, DeployPlan } from './openstack/node-deploy.ts';
export { applyNodeAttach, applyNodeDetach, planNodeNetwork } from './openstack/node-networks.ts';
export type { NetworkOptions, NetworkPlan } from './openstack/node-networks.ts';
export { reportNode } from './openstack/node-show.ts';
export type { NodeReport } from './openstack/node-show.ts';
export { applyNodeUndeploy, planNodeUndeploy } from './openstack/node-undeploy.ts';
export type { UndeployOptions, UndeployPlan } from './openstack/node-undeploy.ts';
export { applyImageUpload } from './openstack/upload-apply.ts';
export type { ApplyUploadOptions, UploadedPart } from './openstack/upload-apply.ts';
export { listUploadActions, planImageUpload } from './openstack/upload-plan.ts';
export type {
  PartPlan,
  UploadAction,
  UploadOptions,
  UploadPlan,
  UploadProgress,
  UploadRequest,
} from './openstack/upload-plan.ts';
export { OutputError, writeAtomically } from './output/atomic-file.ts';
export type { WriteOptions, WrittenFile } from './output/atomic-file.ts';
export { applyAttestationPlan, destroyAttestation, listMade, planAttestation } from './plan/attest.ts';
export type { AttestOptions, PlanDifferences } from './plan/attest.ts';
export type { PlanEvent, StepResult } from './plan/engine.ts';
export { PlanError } from './plan/error.ts';
export { readPlan } from './plan/read.ts';
export type {
  Plan,
  PlannedAgent,
  PlannedImage,
  PlannedKeylime,
  PlannedNode,
  PlannedPolicy,
} from './plan/schema.ts';
export type { Inspection, Output, Thing } from './plan/step.ts';
export { ProgramError, runProgram } from './process/program.ts';
export type { ProgramCall, ProgramResult, RunProgram } from './process/program.ts';
export { RemoteError } from './remote/error.ts';
export type { RemoteErrorCode } from './remote/error.ts';
export { drawReport } from './report/faces.ts';
export type { Face } from './report/faces.ts';
export type {
  Difference,
  Finding,
  FindingCode,
  NearMiss,
  PcrReport,
  QuoteReport,
  Report,
  ReportSources,
  Rules,
  Verdict,
} from './report/types.ts';
export { composeRuntimePolicy, mergeRuntimePolicies, RuntimePolicy } from './runtime-policy/compose.ts';
export type {
  ComposeOptions,
  PolicyAddition,
  PolicyNote,
  PolicyOrigin,
  PolicySources,
  PolicySummary,
  PolicyWriteOptions,
} from './runtime-policy/compose.ts';
export { diffRuntimePolicies } from './runtime-policy/diff.ts';
export type {
  DiffOptions,
  NameDifference,
  PolicyDifferences,
  SettingDifference,
} from './runtime-policy/diff.ts';
export { parseExcludeList } from './runtime-policy/exclude-list.ts';
export type { ExcludePattern } from './runtime-policy/exclude-list.ts';
export { explainRuntimePolicy } from './runtime-policy/explain.ts';
export type { Explanation, ExplainSources, ListedRow } from './runtime-policy/explain.ts';
export { lintRuntimePolicy } from './runtime-policy/lint.ts';
export type { LintOptions, PolicyLint, PolicyLintReport, Severity } from './runtime-policy/lint.ts';
export { checkManifest, writeManifest } from './runtime-policy/manifest.ts';
export type { ManifestEntry } from './runtime-policy/manifest.ts';
export { loadPolicy, Policy } from './runtime-policy/policy.ts';
export type {
  ListedDigest,
  LoadPolicyOptions,
  NearName,
  PolicyProblem,
  PolicySection,
  PolicyShape,
} from './runtime-policy/policy.ts';
export { checkRuntimePolicy, signRuntimePolicy } from './runtime-policy/sign.ts';
export type { CheckOptions, PolicyCheck, SignOptions } from './runtime-policy/sign.ts';
export { SigningKey, SigningKeyError } from './runtime-policy/signing-key.ts';
export { formatTimestamp } from './runtime-policy/settings.ts';
export type { PolicySettings } from './runtime-policy/settings.ts';
export { proposeUpdate, toAdditions } from './runtime-policy/update.ts';
export type { Proposal, UpdatePlan, Withheld } from './runtime-policy/update.ts';
export { UsageError } from './usage.ts';
export { verify } from './verify/verify.ts';
export type { Evidence, QuoteEvidence, VerifyOptions } from './verify/verify.ts';
