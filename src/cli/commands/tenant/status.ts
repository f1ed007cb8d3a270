import type { Argv } from 'yargs';
import type { OwnEvidence } from '../../../keylime/explain.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareAgent, declareServers, openServers, readSelector } from '../../keylime-options.ts';
import { writeOutput } from '../../output.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** Declares what a failure is explained with. */
export function declareEvidence(yargs: Argv): Argv {
  return yargs
    .option('list', { ...valued, describe: "The node's measurement list, to find the entry that failed" })
    .option('policy', { ...valued, alias: 'p', describe: 'The policy it is verified with (repeatable)' })
    .option('exclude-list', { ...valued, alias: 'e', describe: 'Exclude patterns, one a line (repeatable)' })
    .option('key', { ...valued, describe: 'Key of file signatures (repeatable)' });
}

/** What a failure is explained with. */
export function readEvidence(parsed: ParsedArguments): OwnEvidence | undefined {
  const list = one(parsed, 'list');
  const policies = many(parsed, 'policy');
  if (list === undefined && policies.length === 0) return undefined;
  if (list === undefined || policies.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', { problem: '--list and --policy belong together' });
  }
  return { list, policies, excludeLists: many(parsed, 'exclude-list'), keys: many(parsed, 'key') };
}

/** `tenant status`: what the verifier says of a node, in words. */
export const command: Command = {
  usage: 'status',
  summary: 'Say whether a node is attested, and why not: exit code 0 only if it is',
  options: (yargs) =>
    declareServers(declareEvidence(declareAgent(yargs)))
      .example('$0 tenant status --address 192.0.2.21', 'in words')
      .example('$0 tenant status --uuid ID --list list -p policy.json', 'with the entry that failed'),
  run: async (parsed, { signal }) => {
    const { findAgent } = await import('../../../keylime/agents.ts');
    const { explainAttestation } = await import('../../../keylime/explain.ts');
    const { drawAttestation, toJson } = await import('../../attestation-text.ts');
    const { notAttested } = await import('../../../keylime/wait.ts');
    const evidence = readEvidence(parsed);
    const selector = await readSelector(parsed);
    const servers = await openServers(parsed, signal);
    try {
      const { verifier, registrar } = servers;
      const id = selector.by === 'id' ? selector.id : (await findAgent(registrar, selector, { signal })).id;
      const agent = await verifier.findAgent(id);
      if (agent === undefined) throw notAttested(verifier, id);
      const report = await explainAttestation(agent, evidence, { signal });
      const text = flag(parsed, 'json') ? toJson(report) : drawAttestation(report, evidence?.list);
      await writeOutput([Buffer.from(text)], parsed, signal);
      return report.standing === 'attested' ? exitCodes.done : exitCodes.findings;
    } finally {
      servers.close();
    }
  },
};
