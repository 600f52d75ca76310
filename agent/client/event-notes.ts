import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { RoundEvent__Output } from '../../shared/wire/generated/regmean/v1/RoundEvent.ts';

/** Tells a round's events, a line each. */
export function eventNotes(context: Pick<RunContext, 'note'>): (event: RoundEvent__Output) => void {
  return (event) => {
    const line = lineOf(event);
    if (line !== undefined) context.note(line);
  };
}

function lineOf(event: RoundEvent__Output): string | undefined {
  switch (event.kind) {
    case 'ROUND_EVENT_KIND_SNAPSHOT':
    case 'ROUND_EVENT_KIND_STATE_CHANGED': {
      const round = event.round;
      if (round === null) return undefined;
      const accepted = round.agents.filter((agent) => agent.state === 'CONTRIBUTION_STATE_ACCEPTED').length;
      const state = round.state.replace('ROUND_STATE_', '').toLowerCase();
      return `round ${round.name}: ${state}, ${accepted} of ${round.agents.length} agents have contributed`;
    }
    case 'ROUND_EVENT_KIND_UPLOAD':
      return `${event.agent} is uploading`;
    case 'ROUND_EVENT_KIND_CHECKING':
      return `${event.agent} has sent everything, the merger is checking it`;
    case 'ROUND_EVENT_KIND_ACCEPTED':
      return `${event.agent} has contributed`;
    case 'ROUND_EVENT_KIND_REFUSED':
      return `${event.agent} was refused: ${event.message}`;
    case 'ROUND_EVENT_KIND_SCORED':
      return `${event.agent} has scored the candidates`;
    case 'ROUND_EVENT_KIND_REFINED':
      return `${event.agent} has sent what it was asked for again`;
    case 'ROUND_EVENT_KIND_MERGE_PROGRESS':
      return `merging ${event.done} of ${event.total}: ${event.message}`;
    default:
      return undefined;
  }
}
