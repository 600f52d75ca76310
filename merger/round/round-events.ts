/** @file What happens in a round, told to whoever listens. */
import type { RegmeanError } from '../../shared/errors.ts';
import type { RoundStanding } from './round-state.ts';

/** One event of a round. */
export type RoundEvent =
  | { readonly kind: 'upload'; readonly agent: string; readonly done: number; readonly total: number }
  | { readonly kind: 'checking'; readonly agent: string }
  | { readonly kind: 'accepted'; readonly agent: string; readonly digest: string }
  | { readonly kind: 'refused'; readonly agent: string; readonly reason: string }
  | { readonly kind: 'merge-progress'; readonly step: string; readonly done: number; readonly total: number }
  | { readonly kind: 'scored'; readonly agent: string }
  | { readonly kind: 'refined'; readonly agent: string }
  | { readonly kind: 'state'; readonly standing: RoundStanding }
  | { readonly kind: 'stopping'; readonly reason: RegmeanError };

/** Hears every event. */
export type RoundListener = (event: RoundEvent) => void;

/** Passes events on to its listeners, in the order of their subscription. */
export interface RoundEvents {
  emit(event: RoundEvent): void;
  /** @returns how to unsubscribe */
  subscribe(listener: RoundListener): () => void;
}

/** Events without listeners yet. */
export function createRoundEvents(): RoundEvents {
  const listeners = new Set<RoundListener>();
  return {
    emit(event) {
      for (const listener of [...listeners]) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
