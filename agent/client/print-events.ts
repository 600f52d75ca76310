import type { RoundEvent__Output } from '../../shared/wire/generated/regmean/v1/RoundEvent.ts';

/** Prints a round's events as lines on standard error. */
export function eventPrinter(
  stream: { write(text: string): unknown } = process.stderr,
): (event: RoundEvent__Output) => void {
  return (event) => {
    const line = lineOf(event);
    if (line !== undefined) stream.write(`${line}\n`);
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
    case 'ROUND_EVENT_KIND_MERGE_PROGRESS':
      return `merging ${event.done} of ${event.total}: ${event.message}`;
    default:
      return undefined;
  }
}
