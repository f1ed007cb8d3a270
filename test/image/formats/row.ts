// What a row of the table of formats says.

/**
 * What makes an image. A text is a program and its arguments between blanks; a list is the same where an argument has
 * blanks. No shell is asked. Files are those of one fresh directory; `{tree}` is the row's tree, `{here}` that directory, and
 * `{root}` this checkout.
 */
export type Step =
  | string
  | readonly string[]
  | {
      readonly run: string | readonly string[];
      /** Files for standard input and output. */
      readonly from?: string;
      readonly to?: string;
      /** Exit codes that are no failure; default 0 alone. */
      readonly ends?: readonly number[];
      /** It ends itself by a signal. */
      readonly dies?: boolean;
    }
  | { readonly write: string; readonly text: string };

/** Files that have to be listed, and where. */
export interface Place {
  /** A directory that `sha256sum` reads; or a file that it made where another kernel had the files. */
  readonly from: string;
  /** Where an image has them; default at its root. */
  readonly at?: string;
}

/** One feature of a format: how an image that has it is made, and what comes of it. */
export interface Row {
  /** In plain words, as the page has it. */
  readonly feature: string;
  /** Which tree `{tree}` is; default the one that has everything. */
  readonly tree?: TreeName;
  readonly make: readonly Step[];
  /** What is extracted; default `image`. */
  readonly image?: string;
  /** Arguments of `extract` beside the image and those that list every file. They are on the page as well. */
  readonly options?: readonly string[];
  /** The files that are listed, neither more nor fewer; default those of the tree. */
  readonly lists?: readonly Place[];
  /** Codes of notes that have to be there. */
  readonly notes?: readonly string[];
  /** The code of the error, in place of a list: exit code 2. */
  readonly refused?: string;
  /** A file that a package brings, and no program. */
  readonly needs?: string;
  /** Takes long: only where IMA_ASSAY_SLOW_TESTS is set. */
  readonly isSlow?: boolean;
}

/** Rows of one kind of format, a section of the page. */
export interface Group {
  readonly name: string;
  /** Where more is said. */
  readonly page: string;
  readonly rows: readonly Row[];
}

/**
 * What a tree leaves out of the one that has everything: `blankless` what a prototype of mkfs.xfs cannot name, `short`
 * names of more than 100 bytes, `ascii` what is not plain ASCII. `unlinked` has plain names and no hard links;
 * `portable` is what vfat can hold; `huge` has a file beyond 4 GiB that is all but empty.
 */
export type TreeName = 'awkward' | 'blankless' | 'short' | 'ascii' | 'unlinked' | 'portable' | 'huge';
