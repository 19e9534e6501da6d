// The last REGISTER of an account and what came of it: its challenge, the answer to that, what was sent again. For the
// ladder of the status page; calls and pings that came in between are none of its steps.

import type { TraceMessage } from '../trace/trace-ring.ts';

/** The last steps of more than a person looks at. */
const MOST_STEPS = 12;

/** `messages`: oldest first, as the trace has them. Without any REGISTER among them they are what happened last. */
export function lastExchange(messages: readonly TraceMessage[]): readonly TraceMessage[] {
  const registers = messages.filter(({ text }) => REGISTER_CSEQ.test(text));
  if (registers.length === 0) return messages.slice(-MOST_STEPS);
  const end = registers.slice(0, -1).findLastIndex(isConclusion);
  return registers.slice(end + 1).slice(-MOST_STEPS);
}

const REGISTER_CSEQ = /^CSeq[ \t]*:[ \t]*\d+[ \t]+REGISTER[ \t]*\r?$/im;

/** After it nothing more is asked: no challenge (401, 407), and no interval to be made longer (423). */
function isConclusion({ direction, text }: TraceMessage): boolean {
  const [, status] = /^SIP\/2\.0 ([2-6]\d\d) /.exec(text) ?? [];
  return direction === 'received' && status !== undefined && !['401', '407', '423'].includes(status);
}
