// Runs `verify` and `log replay` as a user does, and holds every report to the published schema.

import { readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

import type { Report } from '../../src/index.ts';
import { runCli } from './cli.ts';

const schema: object = JSON.parse(
  readFileSync(new URL('../../src/report/report.schema.json', import.meta.url), 'utf8'),
);
const validate = new Ajv2020({ allErrors: true, strict: true }).compile(schema);

/** Fails the test if the report is not as the schema of the package says. */
export function expectSchema(report: unknown): void {
  validate(report);
  expect(validate.errors ?? []).toEqual([]);
}

export interface Verified {
  readonly report: Report;
  readonly code: number | null;
  /** Entry and code of each finding; entry 0 is the list as a whole. */
  readonly findings: readonly (readonly [entry: number, code: string])[];
}

/** `ima-assay verify LIST --json ARGS…`, which has to come to a report. */
export async function verifyByCli(
  list: string,
  args: readonly string[],
  input: Uint8Array = Buffer.of(),
): Promise<Verified> {
  const { stdout, stderr, code } = await runCli(['verify', list, '--json', ...args], { input });
  if (code !== 0 && code !== 1) throw new Error(`exit code ${code}: ${stderr}`);
  const report: Report = JSON.parse(stdout);
  expectSchema(report);
  expect(code).toBe(report.verdict === 'pass' ? 0 : 1);
  const findings = report.findings.map((finding) => [finding.entry ?? 0, finding.code] as const);
  return { report, code, findings };
}

/** A PCR's value. */
export interface Replayed {
  readonly bank: string;
  readonly index: number;
  readonly value: string;
}

/** `ima-assay log replay --json LIST`. */
export async function replayByCli(
  list: string,
): Promise<{ entries: number; violations: number; pcrs: readonly Replayed[] }> {
  const { stdout, stderr, code } = await runCli(['log', 'replay', '--json', list]);
  if (code === 2) throw new Error(stderr);
  return JSON.parse(stdout);
}
