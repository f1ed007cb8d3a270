import { AssayError } from '../error.ts';
import { ProgramError, type ProgramResult } from '../process/program.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/error.ts';
import { UsageError } from '../usage.ts';

/** What a text of the clients means: a remote system's refusal, a missing part of the client, or a wrong argument. */
type FailureCode = RemoteErrorCode | 'PROGRAM_MISSING' | 'ARGUMENT_INVALID' | 'INPUT_UNREADABLE';

/** One text that the clients are known to end with. */
export interface KnownFailure {
  readonly text: RegExp;
  readonly code: FailureCode;
  /** What it means, and what to do. */
  readonly hint: string;
}

/**
 * The texts of python-openstackclient 6.0 to 10.5, python-ironicclient 5, metalsmith 2.5 and python-esiclient 1.3. The
 * first that fits counts: what is said of one case stands before what is said of a whole class.
 */
export const knownFailures: readonly KnownFailure[] = [
  // Finding the cloud.
  {
    text: /Cloud .* was not found\./,
    code: 'AUTHENTICATION_FAILED',
    hint: 'clouds.yaml has no such cloud: it is looked for here, in ~/.config/openstack and in /etc/openstack',
  },
  {
    text: /Missing value auth-url required for auth plugin/,
    code: 'AUTHENTICATION_FAILED',
    hint: 'no cloud is named: give --os-cloud (`cloud:` in a plan), set OS_CLOUD, or source the openrc file of the project',
  },
  {
    text: /Unable to find a version discovery document at/,
    code: 'UNREACHABLE',
    hint: 'nothing that speaks its interface answers there: check the address, the network and VPN',
  },
  {
    text: /Unable to establish connection to|Connection refused|Failed to establish a new connection|Max retries exceeded|\b50[234]\b.*(?:Bad Gateway|Service Unavailable|Gateway Time-?out)/i,
    code: 'UNREACHABLE',
    hint: 'the service does not answer: check the address, the network and VPN, and try again later',
  },
  // The client itself.
  {
    text: /Could not load 'esi_/,
    code: 'PROGRAM_MISSING',
    hint: 'python-esiclient is installed, but does not load: esisdk needs a recent openstacksdk. Install it in a virtual environment of its own, `pip install python-esiclient`, and put that first in PATH',
  },
  {
    text: /'esi .*' is not an openstack command/,
    code: 'PROGRAM_MISSING',
    hint: 'the ESI plugin of `openstack` is missing: `pip install python-esiclient`, best in a virtual environment',
  },
  {
    text: /'baremetal .*' is not an openstack command/,
    code: 'PROGRAM_MISSING',
    hint: 'the bare metal plugin of `openstack` is missing: `pip install python-ironicclient`',
  },
  {
    text: /is not an openstack command/,
    code: 'VERSION_UNSUPPORTED',
    hint: 'the installed `openstack` does not know this command: update python-openstackclient',
  },
  {
    text: /unrecognized arguments|invalid choice|the following arguments are required/,
    code: 'VERSION_UNSUPPORTED',
    hint: 'the installed client does not know an option that is needed: update it',
  },
  // Images.
  {
    text: /More than one (?:Image|ImageManager|Node|Network|Resource).* exists? with the name|matches found|multiple .* matches/i,
    code: 'NAME_AMBIGUOUS',
    hint: 'names of OpenStack are not unique: give the ID',
  },
  {
    text: /not authorized to complete publicize_image/,
    code: 'FORBIDDEN',
    hint: 'only administrators make public images: use --visibility shared or private, or ask them',
  },
  {
    text: /not authorized to complete communitize_image/,
    code: 'FORBIDDEN',
    hint: 'this project may not make community images: use --visibility shared or private',
  },
  {
    text: /\b413\b|Request Entity Too Large/,
    code: 'QUOTA_EXCEEDED',
    hint: 'the image is larger than the project may store: delete old images, or ask for more',
  },
  {
    text: /Multi Backend support not enabled/,
    code: 'NOT_FOUND',
    hint: 'client 10 says so of an image to delete that is not there',
  },
  {
    text: /is not a valid file/,
    code: 'INPUT_UNREADABLE',
    hint: 'a file that was named is not there',
  },
  {
    text: /\b403\b.*is protected/,
    code: 'FORBIDDEN',
    hint: 'the image is protected: `openstack image set --unprotected ID`',
  },
  // Reserving and deploying a node.
  {
    text: /no available nodes match the resource class|No available nodes with resource class/i,
    code: 'NO_CAPACITY',
    hint: 'a node must be available, not in maintenance, of this resource class, leased to the project, and its power state known: `openstack baremetal node list`',
  },
  {
    text: /An allocation with name .* already exists/,
    code: 'CONFLICT',
    hint: 'another deployment has this hostname, or a killed one left it: `ima-assay node show HOSTNAME`, and `openstack baremetal allocation list`',
  },
  {
    text: /Cannot find image/,
    code: 'NOT_FOUND',
    hint: 'no image has this name or ID, or this project may not see it: `openstack image list`',
  },
  {
    text: /Cannot find (?:network|subnet|port)|No Network found for/,
    code: 'NOT_FOUND',
    hint: 'no network has this name or ID, or this project may not see it: `openstack network list`',
  },
  {
    text: /Partition images require root partition size/,
    code: 'ARGUMENT_INVALID',
    hint: 'the image has a kernel and a ramdisk of its own, and the node does not say how large its disk is: give --root-size GIB',
  },
  {
    text: /are not valid instances/,
    code: 'NOT_FOUND',
    hint: 'the node is there, but metalsmith has not deployed it',
  },
  {
    text: /Timeout waiting for nodes|Timed? ?out waiting for/i,
    code: 'TIMED_OUT',
    hint: 'it goes on: `ima-assay node show` says how far it is, and the same command waits again',
  },
  {
    text: /No Node found for|Node .* could not be found/,
    code: 'NOT_FOUND',
    hint: 'no node has this hostname, name or UUID, or it is not leased to this project: `openstack baremetal node list`',
  },
  {
    text: /The requested action .* can not be performed/,
    code: 'WRONG_STATE',
    hint: 'wait until the node has finished what it is doing: `ima-assay node show`',
  },
  // Networks of a node.
  {
    text: /has no free ports/,
    code: 'NO_CAPACITY',
    hint: 'every port of the node is attached to a network: detach one first, `ima-assay node detach`',
  },
  {
    text: /is associated with multiple ports/,
    code: 'NAME_AMBIGUOUS',
    hint: 'name the network or the port that is to be detached',
  },
  {
    text: /You must specify either network, port, or trunk/,
    code: 'ARGUMENT_INVALID',
    hint: 'name the network',
  },
  // Whole classes.
  {
    text: /\[Errno 2\]/,
    code: 'INPUT_UNREADABLE',
    hint: 'a file that was named is not there, or not where the client looks for it',
  },
  {
    text: /\b401\b|The request you have made requires authentication/,
    code: 'AUTHENTICATION_FAILED',
    hint: 'the credentials are wrong or have expired: source the openrc file again, or renew the application credential',
  },
  {
    text: /\b403\b|Forbidden/,
    code: 'FORBIDDEN',
    hint: 'the role in this project does not allow it: ask its administrators',
  },
  {
    text: /No \w+ found for|\b404\b|could not be found|No .* with a name or ID/i,
    code: 'NOT_FOUND',
    hint: 'nothing has this name or ID, or this project may not see it',
  },
  {
    text: /\b409\b|ConflictException/,
    code: 'CONFLICT',
    hint: 'something is in the way, or is being changed by someone else: look, and try again',
  },
];

/** Longest text of a client that stands in a message. */
const MAX_TEXT = 600;

/**
 * The error for a client that ended with another exit code than 0: what its last line means. That line always stands in
 * the message.
 */
export function failureOf(what: string, { exitCode, stderr, stdout }: ProgramResult): AssayError {
  const unknown = UNKNOWN_COMMAND.exec(`${stderr}\n${stdout}`)?.[0];
  const text = unknown ?? lastLine(stderr.replace(SUMMARY, '')) ?? lastLine(stdout) ?? 'it gave no reason';
  const problem = `${what} failed: ${text} (exit code ${exitCode})`;
  const byText = knownFailures.find(({ text: pattern }) => pattern.test(text));
  // A plugin that does not load is named in front of every answer; it matters where its command is unknown.
  const known =
    byText?.code === 'PROGRAM_MISSING'
      ? knownFailures.find(
          ({ text: pattern, code }) => code === byText.code && pattern.test(`${stderr}\n${text}`),
        )
      : byText;
  if (known === undefined) return new RemoteError('REFUSED', { problem });
  const { code, hint } = known;
  switch (code) {
    case 'PROGRAM_MISSING':
      return new ProgramError(code, { problem, hint });
    case 'ARGUMENT_INVALID':
    case 'INPUT_UNREADABLE':
      return new UsageError(code, { problem, hint });
    default:
      return new RemoteError(code, { problem, hint });
  }
}

/** Guesses of what was meant follow it, and all of it may stand on standard output. */
const UNKNOWN_COMMAND = /^.{0,200} is not an openstack command\..*$/m;

/** Behind the reasons, of a call that could have named several things. */
const SUMMARY = /\n?Failed to \w+ \d+ of \d+ \w+\.\s*$/;

/** The last line that is not empty, shortened. */
export function lastLine(text: string): string | undefined {
  const line = text.trimEnd().split('\n').at(-1)?.trim();
  if (line === undefined || line === '') return undefined;
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line;
}
