// What the exit codes mean (interface.md, "Exit codes"), in words: for "sipreg exit-codes" and the manual. `check` has those of
// a monitoring plugin instead (check/plugin-state.ts).

/** Every exit code of every command but `check`, in order. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done: registered, removed, listed'],
  [1, '"doctor" found a failing step; "status --exit-code" found an account down'],
  [64, 'the command line is wrong'],
  [66, 'an unknown account, or a missing file'],
  [68, 'DNS gives no usable target'],
  [69, 'unreachable: refused, reset, or no answer; the agent is not running'],
  [70, 'a bug in sipreg'],
  [75, 'refused, or not now; the account is in use; stdout cannot be written'],
  [76, 'TLS handshake or certificate failure; an answer that is not SIP'],
  [77, 'credentials rejected, or none for the challenge'],
  [78, 'the configuration is invalid, or a secret cannot be read'],
  [130, 'ended by SIGINT before it was done'],
  [143, 'ended by SIGTERM before it was done'],
];

/** The same rule for all commands that take several accounts. */
export const SEVERAL_ACCOUNTS = 'Of several accounts the first that failed, in the order given, decides.';

/** The table, for people. */
export function exitCodesText(): string {
  const rows = EXIT_CODES.map(([code, meaning]) => `${String(code).padStart(5)}  ${meaning}`);
  return [
    ...rows,
    '',
    SEVERAL_ACCOUNTS,
    '"check" has those of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.',
  ].join('\n');
}

/** The same for programs. */
export function exitCodesDocument(): unknown {
  return {
    schema: 'sipreg.exit-codes/1',
    exitCodes: EXIT_CODES.map(([code, meaning]) => ({ code, meaning })),
  };
}
