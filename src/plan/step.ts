/** What a step leaves for those that need it: an image's ID, an address. */
export type Output = Readonly<Record<string, string>>;

/** What the steps before have left; nothing of those that are still to be done. */
export type Outputs = ReadonlyMap<string, Output>;

/** Something that is there because a plan made it, told well enough to be found again. */
export type Thing =
  | { readonly kind: 'image'; readonly name: string; readonly sha512: string }
  | { readonly kind: 'node'; readonly hostname: string }
  | { readonly kind: 'port'; readonly hostname: string; readonly network: string }
  | { readonly kind: 'policy'; readonly name: string }
  | { readonly kind: 'agent'; readonly id: string };

/** What a step finds. */
export interface Inspection {
  /** What has to be done, in words; nothing if all is as it should be. */
  readonly actions: readonly string[];
  /** What it leaves, as far as it is there. */
  readonly output: Output | undefined;
  /** What doing it makes that was not there. */
  readonly creates: readonly Thing[];
  /** What a person should know, whether or not there is anything to do. */
  readonly warnings?: readonly string[] | undefined;
  /** Whether what is there has failed: an attestation that a node did not pass. */
  readonly hasFailed?: boolean | undefined;
}

/** What a step is given to do its work. */
export interface Work {
  readonly outputs: Outputs;
  readonly signal: AbortSignal | undefined;
  /** Takes a word on what is going on. */
  readonly onProgress: (text: string) => void;
  /** To be called with what was found only now to be made, before it is made. */
  readonly creates: (things: readonly Thing[]) => Promise<void>;
}

/** One part of a plan: looked at as often as anybody likes, done until it is as it should be. */
export interface Step {
  /** `image keylime-image`, `node w-1`, … */
  readonly id: string;
  /** Ids of steps that come before. */
  readonly needs: readonly string[];
  /** Looks. Changes nothing. */
  readonly inspect: (outputs: Outputs, signal: AbortSignal | undefined) => Promise<Inspection>;
  /** Makes it true, from whatever is there. */
  readonly apply: (work: Work) => Promise<Output>;
}
