import { type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PlanError } from './error.ts';
import type { Thing } from './step.ts';

// One line an event. What is there is always asked for anew: the journal only tells what a plan has made, so that
// destroying it removes nothing else.

const thing = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('image'), name: z.string(), sha512: z.string() }),
  z.strictObject({ kind: z.literal('node'), hostname: z.string() }),
  z.strictObject({ kind: z.literal('port'), hostname: z.string(), network: z.string() }),
  z.strictObject({ kind: z.literal('policy'), name: z.string() }),
  z.strictObject({ kind: z.literal('agent'), id: z.string() }),
]) satisfies z.ZodType<Thing>;

const event = z.discriminatedUnion('event', [
  /** Written before it is made: a killed run may have made it. */
  z.object({ time: z.string(), event: z.literal('creates'), step: z.string(), thing }),
  z.object({ time: z.string(), event: z.literal('done'), step: z.string() }),
  z.object({ time: z.string(), event: z.literal('failed'), step: z.string(), problem: z.string() }),
  z.object({ time: z.string(), event: z.literal('removed'), thing }),
]);

/** A line of a journal, without its time. */
type Entry =
  | { readonly event: 'creates'; readonly step: string; readonly thing: Thing }
  | { readonly event: 'done'; readonly step: string }
  | { readonly event: 'failed'; readonly step: string; readonly problem: string }
  | { readonly event: 'removed'; readonly thing: Thing };

/** The things that a plan has made, or may have, the latest last. */
export async function readMade(directory: string): Promise<readonly Thing[]> {
  const file = join(directory, FILE);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new PlanError('JOURNAL_MALFORMED', { problem: error.message, at: { input: file }, cause: error });
  });
  const made = new Map<string, Thing>();
  // A run that was killed may have left half a line.
  const lines = text.split('\n').slice(0, -1);
  for (const [at, line] of lines.entries()) {
    const entry = parse(line);
    if (entry === undefined) {
      throw new PlanError('JOURNAL_MALFORMED', {
        problem: 'is no line of a journal',
        at: { input: file, line: at + 1 },
        hint: 'it tells what the plan has made: remove the line if you know that nothing is lost with it',
      });
    }
    if (entry.event === 'creates') {
      made.delete(keyOf(entry.thing));
      made.set(keyOf(entry.thing), entry.thing);
    }
    if (entry.event === 'removed') made.delete(keyOf(entry.thing));
  }
  return [...made.values()];
}

function parse(line: string): z.output<typeof event> | undefined {
  try {
    return event.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function keyOf(one: Thing): string {
  return JSON.stringify(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const FILE = 'journal.jsonl';
const LOCK = 'lock';

/** A journal that is written, by one process at a time. */
export class Journal {
  readonly #file: FileHandle;
  readonly #lock: string;

  private constructor(file: FileHandle, lock: string) {
    this.#file = file;
    this.#lock = lock;
  }

  /**
   * Opens the journal in a directory, which is made.
   * @throws PlanError `PLAN_LOCKED` while another process has it
   */
  static async open(directory: string): Promise<Journal> {
    await mkdir(directory, { recursive: true });
    const lock = join(directory, LOCK);
    await takeLock(lock);
    const file = await open(join(directory, FILE), 'a', 0o600);
    await endHalfLine(file, join(directory, FILE));
    return new Journal(file, lock);
  }

  /** Writes a line; it is on the disk when this returns. */
  async write(entry: Entry): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
    await rm(this.#lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const file = await open(lock, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (isAlive(holder)) {
      throw new PlanError('PLAN_LOCKED', {
        problem: `process ${holder} works on this plan`,
        at: { input: lock },
        hint: 'wait for it; if no such process is there, remove the file',
      });
    }
    // A killed run cannot take its lock away.
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Cuts off what a killed run left behind its last whole line. */
async function endHalfLine(file: FileHandle, path: string): Promise<void> {
  const text = await readFile(path);
  const end = text.lastIndexOf(0x0a) + 1;
  if (end < text.length) await file.truncate(end);
}
