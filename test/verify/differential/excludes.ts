// Exclude patterns: those that operators write, and those that engines understand differently, that are valid only
// joined with others, or not at all.

const patterns = {
  // As they are written.
  written: [
    '/usr',
    '/ev',
    'usr',
    'boot',
    'boot.aggreg*$',
    '.*',
    '/tmp/a.txt',
    '/opt|/bin',
    '^/etc/.*$',
    '/usr/lib/.*\\.pyc?$',
    'foobar.so(.*)?',
    '\\.ima',
    '\\.ima$',
    '.ima',
    'kernel_.*',
    'memfd:kernel',
    'dm_',
  ],
  // Empty, and valid only because they are joined.
  joined: ['', 'x|', '|x', 'a)|(b'],
  // Groups, and what refers to them.
  groups: [
    '(/etc)\\1',
    '(/usr)(/bin)\\2',
    '(?P<n>/usr)',
    '(?P<n>/etc)',
    '(?P<d>/)etc(?P=d)passwd',
    '(?<n>/usr)',
    '(/)?(?(1)usr|etc)',
    '(?:/usr|/etc)?',
    '/(usr|etc)/(bin|lib)/.{4,}',
  ],
  // Flags.
  flags: ['(?i)x', '(?i:/USR)', '(?s:/.)+', '(?x: /usr )', '(?u:/usr)', '(?a)/usr', '(?-i:/usr)', '(?L)x'],
  // What is looked at and not taken.
  looks: ['(?=/usr)', '/usr/bin/(?!hello)', '/usr/bin(?<=bin)/', '(?<!x)/etc', '(?>/usr)', '(?#comment)/usr'],
  // How often.
  repeats: ['/u++sr', '/u**', '*a', 'a{2,1}', '/u{,3}sr', '/u{1,2', '/{x}', '/[a-z]{3}'],
  // Unbalanced.
  unbalanced: ['(a', 'a)', '[a', '(', '\\'],
  // Sets.
  sets: ['[z-a]', '/[[:alpha:]]', '/[[]', '/[]a]', '/[^]a]', '/[a&&u]', '/[a~~u]', '/[\\w-.]', '/[a-\\d]'],
  // Escapes, and places.
  escapes: [
    '\\/usr\\/bin',
    '\\<',
    '\\&',
    '\\h',
    '\\p{L}',
    '\\z',
    '/init\\Z',
    '/init\\z',
    '/init$',
    '/init$$',
    '/usr\\b',
    '\\x2fusr',
    '\\57etc',
    '\\0',
    '\\u002fusr',
    '\\N{SOLIDUS}usr',
    '/\\w+$',
    '/\\w+/\\w+/\\S+🔑',
    '/é',
    '/tab\\s',
    '/tab\\tand\\sspace',
    '/\\D+$',
    '/\\W*init',
  ],
};

export const EXCLUDES: readonly string[] = Object.values(patterns).flat();
