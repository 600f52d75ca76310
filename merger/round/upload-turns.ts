/** @file Whose turn it is to upload: one connection per agent, the newest. */
import type { RegmeanError } from '../../shared/errors.ts';
import type { IncomingUpload } from './incoming-upload.ts';

/** A contribution that was stored before. */
export interface AlreadyStored {
  readonly alreadyStored: true;
  readonly digest: string;
}

/** One agent's turn to upload. A newer turn of the same agent ends it. */
export interface UploadTurn {
  readonly alreadyStored: false;
  readonly upload: IncomingUpload;
  /**
   * Aborted, with a RegmeanError as its reason, when a newer turn took over or the merger stops.
   */
  readonly signal: AbortSignal;
  /**
   * Checks and stores the upload; goes on even when the agent goes away. Resolves to the
   * contribution's digest.
   */
  commit(): Promise<string>;
  /** Ends the turn; what was received stays for the next one. */
  end(): Promise<void>;
}

/** A turn that is taken. */
export interface Turn {
  /** Aborted when the turn has to end, with the reason. */
  readonly signal: AbortSignal;
  /** Says that the turn has ended: nothing of it is open any more. */
  end(): void;
}

/** The turns of a round's agents, at most one for each. */
export class UploadTurns {
  readonly #running = new Map<string, { readonly abort: AbortController; readonly ended: Promise<void> }>();

  /** Takes the turn of an agent; one that runs is asked to end for `reason`, and waited for. */
  async take(agent: string, reason: RegmeanError): Promise<Turn> {
    while (this.#running.has(agent)) await this.#stop(agent, reason);
    const abort = new AbortController();
    let markEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      markEnded = resolve;
    });
    this.#running.set(agent, { abort, ended });
    return {
      signal: abort.signal,
      end: () => {
        if (this.#running.get(agent)?.abort === abort) this.#running.delete(agent);
        markEnded();
      },
    };
  }

  /** Ends every turn. */
  async stopAll(reason: RegmeanError): Promise<void> {
    await Promise.all([...this.#running.keys()].map((agent) => this.#stop(agent, reason)));
  }

  async #stop(agent: string, reason: RegmeanError): Promise<void> {
    const turn = this.#running.get(agent);
    if (turn === undefined) return;
    turn.abort.abort(reason);
    await turn.ended;
  }
}
