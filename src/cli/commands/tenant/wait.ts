import { flag } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import {
  declareAgent,
  declareServers,
  openServers,
  readSeconds,
  readSelector,
} from '../../keylime-options.ts';
import { writeOutput } from '../../output.ts';
import { declareEvidence, readEvidence } from './status.ts';

/** `tenant wait`: until attestations pass, or fail. */
export const command: Command = {
  usage: 'wait',
  summary: 'Wait until attestations of a node pass, or say why they fail',
  options: (yargs) =>
    declareServers(declareEvidence(declareAgent(yargs)))
      .option('timeout', {
        type: 'string',
        requiresArg: true,
        describe: 'Seconds to wait for the agent and its attestation (default: 120)',
      })
      .example('$0 tenant wait --address 192.0.2.21', 'after tenant add')
      .example(
        '$0 tenant wait --uuid ID --list list -p policy.json',
        'and the entry that failed, if one does',
      ),
  run: async (parsed, { signal }) => {
    const { findAgent } = await import('../../../keylime/agents.ts');
    const { describeState } = await import('../../../keylime/attestation.ts');
    const { explainAttestation } = await import('../../../keylime/explain.ts');
    const { waitForAttestation } = await import('../../../keylime/wait.ts');
    const { drawAttestation, toJson } = await import('../../attestation-text.ts');
    const evidence = readEvidence(parsed);
    const selector = await readSelector(parsed);
    const timeoutMs = readSeconds(parsed, 'timeout', 120);
    const startedMs = Date.now();
    const servers = await openServers(parsed, signal);
    try {
      const { verifier, registrar } = servers;
      const id =
        selector.by === 'id'
          ? selector.id
          : (await findAgent(registrar, selector, { waitMs: timeoutMs, signal })).id;
      const agent = await waitForAttestation(verifier, id, {
        timeoutMs: Math.max(0, timeoutMs - (Date.now() - startedMs)),
        signal,
        onChange: ({ state, attestations }) => {
          if (flag(parsed, 'quiet')) return;
          process.stderr.write(`${describeState(state)}, ${attestations} passed\n`);
        },
      });
      const report = await explainAttestation(agent, evidence, { signal });
      const text = flag(parsed, 'json') ? toJson(report) : drawAttestation(report, evidence?.list);
      await writeOutput([Buffer.from(text)], parsed, signal);
      return report.standing === 'attested' ? exitCodes.done : exitCodes.findings;
    } finally {
      servers.close();
    }
  },
};
