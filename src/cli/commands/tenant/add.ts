import type { AttestationStep } from '../../../keylime/attest.ts';
import { UsageError } from '../../../usage.ts';
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
import { warn } from '../../summary.ts';
import { escapeControls } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

const STEPS: Readonly<Record<AttestationStep, string>> = {
  'delete-agent': 'delete the agent',
  'upload-policy': 'upload the policy',
  'update-policy': 'replace the policy',
  'add-agent': 'add the agent',
  'update-agent': 'delete the agent and add it anew',
};

/** `tenant add`: has a node attested by a policy. */
export const command: Command = {
  usage: 'add',
  summary: 'Have a node attested by a runtime policy; does only what is missing',
  options: (yargs) =>
    declareServers(declareAgent(yargs))
      .option('policy-name', {
        ...valued,
        demandOption: true,
        describe: 'Name of the policy on the verifier',
      })
      .option('policy', {
        ...valued,
        alias: 'p',
        describe: 'The policy, uploaded if the verifier has another one or none of that name',
      })
      .option('policy-key', { ...valued, describe: 'Key that must have signed the policy' })
      .option('exclude-list', {
        ...valued,
        describe: 'Exclude list beside an allowlist, for Keylime up to 6.5',
      })
      .option('agent', {
        ...valued,
        describe: 'Where the agent is reached, HOST or HOST:PORT (default: as registered)',
      })
      .option('payload', { ...valued, describe: 'File to deliver to the node' })
      .option('renew', { type: 'boolean', describe: 'Delete and add an agent that is well attested, too' })
      .option('wait-agent', {
        ...valued,
        describe: 'Seconds to wait until the agent is registered (default: 0)',
      })
      .option('timeout', {
        ...valued,
        describe: 'Seconds that keylime_tenant may take each time (default: 120)',
      })
      .option('dry-run', { type: 'boolean', describe: 'Say what would be done, and do nothing' })
      .example(
        '$0 tenant add --address 192.0.2.21 --policy-name nodes -p policy.json',
        'by the node’s address',
      )
      .example('$0 tenant add --since before.json --policy-name nodes --wait-agent 600', 'whichever is new'),
  run: async (parsed, { signal }) => {
    const keylime = {
      ...(await import('../../../keylime/agents.ts')),
      ...(await import('../../../keylime/attest.ts')),
      ...(await import('../../../keylime/tenant-program.ts')),
      ...(await import('../../../keylime/endpoint.ts')),
      ...(await import('../../../keylime/names.ts')),
    };
    const isQuiet = flag(parsed, 'quiet');
    const selector = await readSelector(parsed);
    const name = keylime.requirePolicyName(one(parsed, 'policy-name') ?? '');
    const at = one(parsed, 'agent');
    const path = one(parsed, 'policy');
    if (path === '-') {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: '--policy must be a file: keylime_tenant reads it too',
      });
    }
    const file =
      path === undefined
        ? undefined
        : { name, path, key: one(parsed, 'policy-key'), excludeList: one(parsed, 'exclude-list') };
    const timeoutMs = readSeconds(parsed, 'timeout', 120);
    const waitMs = readSeconds(parsed, 'wait-agent', 0);
    const servers = await openServers(parsed, signal);
    try {
      const { verifier, registrar, endpoints, certificates } = servers;
      // The verifier before a long wait for the agent: a wrong address should show at once.
      await verifier.connection.version();
      const agent = await keylime.findAgent(registrar, selector, { waitMs, signal });
      for (const warning of keylime.warnOfAgent(agent)) if (!isQuiet) warn(`warning: ${warning}`);
      const wanted = {
        agent,
        policy: { name, file },
        endpoint: at === undefined ? undefined : keylime.parseEndpoint(at, agent.port ?? keylime.AGENT_PORT),
        payload: one(parsed, 'payload'),
        renew: flag(parsed, 'renew'),
      };
      const found = await keylime.inspectAttestation(verifier, wanted);
      const steps = await keylime.diffAttestation(wanted, found);
      const isDry = flag(parsed, 'dry-run');
      if (steps.length > 0 && !isDry) {
        const tenant = await keylime.Tenant.open({ ...endpoints, certificates, timeoutMs, signal });
        const onStep = (step: AttestationStep): void => {
          if (!isQuiet) process.stderr.write(`${STEPS[step]} …\n`);
        };
        await keylime.applyAttestation({ tenant, verifier }, wanted, steps, { onStep, signal });
      }
      const report = { schemaVersion: 1, agent: agent.id, policy: name, steps, done: !isDry };
      const words =
        steps.length === 0
          ? 'attested already, nothing to do (Keylime does not tell by which policy: --renew makes sure)'
          : steps.map((step) => STEPS[step]).join(', ');
      const text = flag(parsed, 'json')
        ? `${JSON.stringify(report, null, 2)}\n`
        : `${escapeControls(agent.id)}: ${isDry && steps.length > 0 ? 'would ' : ''}${words}\n`;
      await writeOutput([Buffer.from(text)], parsed, signal);
      return isDry && steps.length > 0 ? exitCodes.findings : exitCodes.done;
    } finally {
      servers.close();
    }
  },
};
