// Names of files as they stand on a server: how long they are, how they share directories, and in which shares, is
// that of a Debian machine with development tools (median 67 bytes, 95 % up to 119).

/** Words of which names are made. */
const WORDS = [
  'account archive async base block boot bridge buffer cache certs channel client cluster codec common config console',
  'context control core crypto daemon data debug device dialog disk driver editor engine event export factory filter',
  'format frame gateway generic graph group handler helper image import index input kernel layout legacy library locale',
  'logger manager memory message metric module monitor network object output package parser plugin policy pool process',
  'protocol proxy queue reader record region remote render report request resource router runtime schema script server',
  'service session signal socket source storage stream string symbol system table task template terminal test theme',
  'thread token trace transport unit update user utils vector version view virtual volume widget window worker writer',
].flatMap((line) => line.split(' '));

/** A place where files are: its share of all files, and its pattern. `@` is a word, `#` a digit. */
const PLACES: readonly { readonly share: number; readonly pattern: string }[] = [
  { share: 22, pattern: '/usr/lib/python3/dist-packages/@/@_@/@/__pycache__/@_@.cpython-311.pyc' },
  { share: 18, pattern: '/usr/lib/python3/dist-packages/@/@_@/@/@_@_##.py' },
  { share: 10, pattern: '/usr/share/man/man#/@-@-@-##.#.gz' },
  { share: 9, pattern: '/usr/local/go/src/@/@/internal/@/@_@_##.go' },
  { share: 7, pattern: '/usr/lib/modules/6.1.0-38-amd64/kernel/drivers/@/@/@_@##.ko' },
  { share: 7, pattern: '/usr/share/doc/lib@-@#-#/examples/@/@-@.html' },
  { share: 6, pattern: '/usr/share/icons/hicolor/##x##/apps/@-@-@.svg' },
  { share: 5, pattern: '/usr/lib/x86_64-linux-gnu/lib@-@-@.so.#.##.#' },
  { share: 4, pattern: '/usr/lib/node_modules/@-@/node_modules/@-@/lib/@/@-@.js' },
  { share: 3, pattern: '/usr/share/locale/@/LC_MESSAGES/@-@-@.mo' },
  { share: 3, pattern: '/usr/include/@/@/@_@_@.h' },
  { share: 2, pattern: '/usr/bin/@-@-@#' },
  { share: 2, pattern: '/etc/@/@.d/##-@-@.conf' },
  { share: 2, pattern: '/opt/@-@/#.##.#/lib/@/@-@.jar' },
];

/** So many different names, `boot_aggregate` among them. */
export function pathsOfMachine(count: number): readonly string[] {
  const random = makeRandom(1);
  const all = new Set(['boot_aggregate']);
  const shares = PLACES.reduce((sum, { share }) => sum + share, 0);
  while (all.size < count) {
    let left = random(shares);
    const place = PLACES.find(({ share }) => (left -= share) < 0);
    const name = place?.pattern.replaceAll(/[@#]/g, (letter) =>
      letter === '#' ? String(random(10)) : (WORDS[random(WORDS.length)] ?? ''),
    );
    if (name !== undefined) all.add(name);
  }
  return [...all];
}

/** Numbers below a limit that look random and are the same on every run (xorshift, 32 bits). */
function makeRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
