import { flag, one } from '../../arguments.ts';
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
import { escapeControls } from '../../terminal.ts';

/** `tenant delete`: ends a node's attestation. */
export const command: Command = {
  usage: 'delete',
  summary: "End a node's attestation, and remove its registration or its policy if that is asked for",
  options: (yargs) =>
    declareServers(declareAgent(yargs))
      .option('registration', { type: 'boolean', describe: 'Also remove it from the registrar' })
      .option('policy-name', {
        type: 'string',
        requiresArg: true,
        describe: 'Also remove the policy of this name from the verifier',
      })
      .option('timeout', {
        type: 'string',
        requiresArg: true,
        describe: 'Seconds to wait until it is over (default: 60)',
      })
      .example('$0 tenant delete --uuid ID', 'no attestation any more')
      .example('$0 tenant delete --uuid ID --registration --policy-name nodes', 'and nothing left of it'),
  run: async (parsed, { signal }) => {
    const { findAgent } = await import('../../../keylime/agents.ts');
    const { stopAttestation } = await import('../../../keylime/wait.ts');
    const selector = await readSelector(parsed);
    const policy = one(parsed, 'policy-name');
    const timeoutMs = readSeconds(parsed, 'timeout', 60);
    const servers = await openServers(parsed, signal);
    try {
      const { verifier, registrar } = servers;
      const id = selector.by === 'id' ? selector.id : (await findAgent(registrar, selector, { signal })).id;
      // A policy cannot go before those that it is used for.
      const attestation = await stopAttestation(verifier, id, { timeoutMs, signal });
      const policyRemoved = policy === undefined ? undefined : await verifier.deletePolicy(policy);
      const registration = flag(parsed, 'registration') ? await registrar.deleteAgent(id) : undefined;
      const report = { schemaVersion: 1, agent: id, attestation, policy: policyRemoved, registration };
      const said = [
        attestation ? 'attestation ended' : 'was not attested',
        ...(policyRemoved === undefined ? [] : [policyRemoved ? 'policy removed' : 'policy was not there']),
        ...(registration === undefined ? [] : [registration ? 'registration removed' : 'was not registered']),
      ];
      const text = flag(parsed, 'json')
        ? `${JSON.stringify(report, null, 2)}\n`
        : `${escapeControls(id)}: ${said.join(', ')}\n`;
      await writeOutput([Buffer.from(text)], parsed, signal);
      return exitCodes.done;
    } finally {
      servers.close();
    }
  },
};
