import type { AttestedAgent } from '../../../keylime/verifier.ts';
import type { RegisteredAgent } from '../../../keylime/registrar.ts';
import { UsageError } from '../../../usage.ts';
import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareServers, openServers } from '../../keylime-options.ts';
import { writeOutput } from '../../output.ts';
import { escapeControls } from '../../terminal.ts';

/** An agent, as both servers know it. */
interface Row {
  readonly id: string;
  readonly registered: RegisteredAgent | undefined;
  readonly attested: AttestedAgent | undefined;
}

/** `tenant list`: agents of registrar and verifier side by side, or policies. */
export const command: Command = {
  usage: 'list',
  summary: 'List registered and attested agents, or the policies of the verifier',
  options: (yargs) =>
    declareServers(yargs)
      .option('policies', { type: 'boolean', describe: 'The names of runtime policies instead' })
      .option('policy', {
        type: 'string',
        requiresArg: true,
        describe: 'The text of the runtime policy of this name instead',
      })
      .example('$0 tenant list --json -o before.json', 'what is there before a node is deployed')
      .example('$0 tenant list --policy nodes -o stored.json', 'what a verifier enforces'),
  run: async (parsed, { signal }) => {
    const servers = await openServers(parsed, signal);
    const write = async (text: string): Promise<void> => writeOutput([Buffer.from(text)], parsed, signal);
    const isJson = flag(parsed, 'json');
    const name = one(parsed, 'policy');
    try {
      const { verifier } = servers;
      if (name !== undefined) {
        if (flag(parsed, 'policies')) {
          throw new UsageError('ARGUMENT_INVALID', { problem: '--policy and --policies exclude each other' });
        }
        const { RemoteError } = await import('../../../remote/error.ts');
        const policy = await verifier.findPolicy(name);
        if (policy?.text === undefined) {
          throw new RemoteError('NOT_FOUND', {
            problem: `${verifier.connection.name} has no policy named ${name}`,
            hint: '`ima-assay tenant list --policies` lists those it has',
          });
        }
        await write(policy.text.endsWith('\n') ? policy.text : `${policy.text}\n`);
      } else if (flag(parsed, 'policies')) {
        const policies = await verifier.listPolicies();
        await write(
          isJson
            ? `${JSON.stringify({ schemaVersion: 1, policies }, null, 2)}\n`
            : policies.map((each) => `${escapeControls(each)}\n`).join(''),
        );
      } else {
        const rows = await readRows(servers);
        await write(isJson ? await toJson(rows) : await draw(rows));
      }
      return exitCodes.done;
    } finally {
      servers.close();
    }
  },
};

async function readRows({
  verifier,
  registrar,
}: Awaited<ReturnType<typeof openServers>>): Promise<readonly Row[]> {
  const [registered, attested] = await Promise.all([registrar.listAgents(), verifier.listAgents()]);
  const rows: Row[] = [];
  for (const id of new Set([...registered, ...attested].toSorted())) {
    // An id that Keylime itself would not take can be listed, but not asked for.
    const isUsable = /^[\w.-]+$/.test(id) && !/^\.+$/.test(id);
    rows.push({
      id,
      registered: isUsable && registered.includes(id) ? await registrar.findAgent(id) : undefined,
      attested: isUsable && attested.includes(id) ? await verifier.findAgent(id) : undefined,
    });
  }
  return rows;
}

async function toJson(rows: readonly Row[]): Promise<string> {
  const { describeState, judge } = await import('../../../keylime/attestation.ts');
  const agents = rows.map(({ id, registered, attested }) => ({
    id,
    address: registered?.ip ?? null,
    port: registered?.port ?? null,
    ekHash: registered?.ekHash ?? null,
    isRegistered: registered !== undefined,
    standing: attested === undefined ? null : judge(attested),
    state: attested === undefined ? null : describeState(attested.state),
    attestations: attested?.attestations ?? null,
    lastEvent: attested?.lastEvent ?? null,
  }));
  return `${JSON.stringify({ schemaVersion: 1, agents }, null, 2)}\n`;
}

async function draw(rows: readonly Row[]): Promise<string> {
  const { describeState, judge } = await import('../../../keylime/attestation.ts');
  return rows
    .map(({ id, registered, attested }) => {
      const where =
        registered === undefined ? 'not registered' : `${registered.ip ?? '?'}:${registered.port ?? '?'}`;
      const how =
        attested === undefined
          ? 'not attested'
          : `${judge(attested)} (${describeState(attested.state)}), ${attested.attestations} passed`;
      const why = attested?.lastEvent === undefined ? '' : `, ${attested.lastEvent}`;
      return `${escapeControls(`${id}  ${where}  ${how}${why}`)}\n`;
    })
    .join('');
}
