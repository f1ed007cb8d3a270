import type { Control } from './binding.d.ts';
import { fromNative, NativeError } from './errors.ts';
import { loadAddon } from './load.ts';

/** How far long work has come. */
export interface Progress {
  /** Files hashed so far. */
  readonly files: number;
  /** Bytes hashed so far. */
  readonly hashedBytes: number;
  /** Bytes of the inputs read so far, for inputs whose size is known. */
  readonly inputBytes: number;
  /** Sum of the known sizes of the inputs; 0 where none is known (a tree). */
  readonly inputTotalBytes: number;
}

/** What every function that works for long takes. */
export interface WorkOptions {
  /** Stops the work; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called at most ten times a second while the work runs, and once at its end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const PROGRESS_INTERVAL_MS = 100;

/**
 * Runs work of the native core under the caller's signal and progress callback.
 *
 * The signal never crosses into the addon, and no callback is called from a native thread: a shared
 * `Control` is told to stop and is asked how far it is.
 */
export async function runNative<Result>(
  work: (control: Control) => Promise<Result>,
  { signal, onProgress }: WorkOptions,
): Promise<Result> {
  signal?.throwIfAborted();
  const control = new (loadAddon().Control)();
  const cancel = (): void => control.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  const report = (): void => onProgress?.(control.progress());
  const timer = onProgress === undefined ? undefined : setInterval(report, PROGRESS_INTERVAL_MS);
  try {
    const result = await work(control);
    report();
    return result;
  } catch (error) {
    const converted = fromNative(error);
    if (converted instanceof NativeError && converted.code === 'CANCELLED') signal?.throwIfAborted();
    throw converted;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', cancel);
  }
}
