import { inspectImage } from '../../image/extract.ts';
import type { ImageSummary, Layer } from '../../image/types.ts';
import { flag, many } from '../arguments.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { declareImageOptions, readImageOptions } from '../image-options.ts';
import { writeOutput } from '../output.ts';
import { openProgress } from '../progress.ts';
import { findSources } from '../sources.ts';
import { describeSkips, escapeControls, formatBytes, plural } from '../terminal.ts';

/** `inspect`: what an image is made of. */
export const command: Command = {
  usage: 'inspect <source..>',
  summary: 'Show what an image is made of: segments, compressions, counts, sizes',
  options: (yargs) =>
    declareImageOptions(
      yargs
        .positional('source', {
          type: 'string',
          describe:
            'Initramfs, UKI, disk or container image, package, tar archive or root directory; a glob; - for standard input',
        })
        .option('json', { type: 'boolean', describe: 'Write JSON' })
        .option('output', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe: 'Write to FILE, and its checksum to FILE.sha256',
        }),
    ).example('$0 inspect /boot/initrd.img-6.1.0-30-amd64', 'the segments of an initramfs'),
  run: async (parsed, { signal }) => {
    const options = readImageOptions(parsed);
    const summaries: ImageSummary[] = [];
    for (const source of await findSources(many(parsed, 'source'))) {
      const progress = openProgress('reading', { quiet: flag(parsed, 'quiet') });
      const summary = inspectImage(source, { ...options, signal, onProgress: progress.onProgress });
      summaries.push(await summary.finally(progress.close));
    }
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, sources: summaries }, null, 2)}\n`
      : summaries.map(drawSummary).join('\n');
    await writeOutput([Buffer.from(text)], parsed, signal);
    return summaries.every(({ omitted }) => omitted.count === 0) ? exitCodes.done : exitCodes.undecided;
  },
};

function drawSummary(summary: ImageSummary): string {
  const { name, files, bytes, skipped, omitted, notes, layer } = summary;
  const lines = [`${escapeControls(name)}`, ...drawLayer(layer, '')];
  lines.push(`${plural(files, 'file')} to list, ${formatBytes(bytes)}`);
  const left = describeSkips(skipped);
  if (left !== '') lines.push(`skipped: ${left}`);
  for (const note of notes.first) lines.push(`note: ${escapeControls(note.text)} [${note.code}]`);
  if (notes.count > notes.first.length) lines.push(`and ${notes.count - notes.first.length} notes more`);
  for (const { problem, code } of omitted.first)
    lines.push(`cannot be read: ${escapeControls(problem)} [${code}]`);
  return `${lines.join('\n')}\n`;
}

function drawLayer(layer: Layer, indent: string): readonly string[] {
  const at = layer.offsetBytes === null ? '' : ` at ${layer.offsetBytes}`;
  const size = layer.sizeBytes === null ? '' : `, ${formatBytes(layer.sizeBytes)}`;
  const facts = Object.entries(layer.facts)
    .filter(([name, value]) => name !== 'unpackedBytes' || value !== layer.sizeBytes)
    .flatMap(([name, value]) => drawFact(name, value));
  const inside = `${indent}  `;
  return [
    `${indent}${layer.kind}${at}${size}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`,
    ...layer.layers.flatMap((next) => drawLayer(next, inside)),
  ];
}

/** A fact in words; nothing where it goes without saying. */
function drawFact(name: string, value: number | string): readonly string[] {
  if (typeof value === 'number') {
    if (name === 'unpackedBytes') return [`unpacks to ${formatBytes(value)}`];
    if (name === 'bytes') return [formatBytes(value)];
    if (name.endsWith('Bytes')) return [`${formatBytes(value)} of ${name.slice(0, -'Bytes'.length)}`];
    return value === 0 ? [] : [plural(value, name === 'directories' ? 'directory' : name.replace(/s$/, ''))];
  }
  if (value === 'yes') return name === 'trailer' ? [] : [name];
  if (value === 'no') return [`no ${name}`];
  if (name === 'compression') return [value === 'none' ? 'uncompressed' : escapeControls(value)];
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return [name === 'format' ? escapeControls(value) : `${words} ${escapeControls(value)}`];
}
