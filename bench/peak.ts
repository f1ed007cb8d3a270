// node --import peak.js …: writes the most memory that a program held at once, in bytes, to the file PEAK_FILE.

import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const kibibytes = process.resourceUsage().maxRSS;
  writeFileSync(process.env['PEAK_FILE'] ?? '/dev/null', String(kibibytes * 1024));
});
