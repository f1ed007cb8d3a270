// Draws docs/formats.md from the table.

import { programsOf } from './make.ts';
import type { Group, Row } from './row.ts';

const HEAD = `# Formats

What is read, and what is refused. This page is drawn from a table, \`test/image/formats/\`, and a test runs every row of it: the
programs named make an image of a tree, and \`ima-assay extract\` has to list all of its files at their paths, with the digests that
\`sha256sum\` has of them, and nothing else; or it has to end with exit code 2, without a list, and with the code that is given.

The tree has files of 0 bytes and of the sizes around those of inodes, sectors, blocks and clusters; holes in front of, behind and
between data; hard links, links that dangle and long ones; 700 files in one directory and 100 directories in one another; names of
255 bytes, names that are no UTF-8, with blanks and with what a shell would not leave alone. Where a format or its program cannot hold
some of it, those files are left out of the tree. Where \`Linux\` stands, its kernel wrote the image, since no program does
(\`fixtures/\`); of LVM, whose programs want a device-mapper, the metadata were written by them, and the volumes put where these say.

What is not here is refused by name where it is known, and as \`FORMAT_UNKNOWN\` otherwise.
`;

/** The whole page. */
export function drawPage(table: readonly Group[]): string {
  return [HEAD, ...table.map(drawGroup)].join('\n');
}

function drawGroup({ name, page, rows }: Group): string {
  const drawn = rows.map((row) => `| ${row.feature} | ${makersOf(row)} | ${outcomeOf(row)} |\n`);
  return `## ${name}\n\nMore about them: [${page.replace(/\.md.*/, '.md')}](${page}).\n\n| | made by | |\n| --- | --- | --- |\n${drawn.join('')}`;
}

/** Programs that move bytes about, and say nothing of a format. */
const TOOLS = new Set(['cat', 'cp', 'dd', 'mkdir', 'mv', 'rm', 'rmdir', 'truncate', 'find', 'openssl']);

function makersOf({ make, image }: Row): string {
  if (image?.startsWith('{root}/fixtures/') === true) return 'Linux';
  const programs = programsOf(make).filter((program) => !TOOLS.has(program));
  return programs.map((program) => program.replace(/.*\//, '')).join(', ');
}

function outcomeOf({ refused, notes = [], options = [] }: Row): string {
  const asked = options.length === 0 ? '' : ` with \`${options.join(' ')}\``;
  if (refused !== undefined) return `refused${asked}: \`${refused}\``;
  const noted = notes.map((code) => `, noted as \`${code}\``);
  return `read${asked}${noted.join('')}`;
}
