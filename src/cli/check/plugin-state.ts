// The four states of a monitoring plugin and their exit codes (Monitoring Plugins guidelines, "Plugin Return Codes").

export type PluginState = 'OK' | 'WARNING' | 'CRITICAL' | 'UNKNOWN';

export const PLUGIN_CODE: Readonly<Record<PluginState, number>> = {
  OK: 0,
  WARNING: 1,
  CRITICAL: 2,
  UNKNOWN: 3,
};

/** The guidelines' order where several results become one: nobody is woken for what is merely not known. */
const BY_WEIGHT: readonly PluginState[] = ['OK', 'UNKNOWN', 'WARNING', 'CRITICAL'];

export function worstOf(states: readonly PluginState[]): PluginState {
  const weight = Math.max(0, ...states.map((state) => BY_WEIGHT.indexOf(state)));
  return BY_WEIGHT[weight] ?? 'UNKNOWN';
}

/** Why there is no result: wrong arguments, an unknown account, an agent that does not answer. */
export class CheckRefused extends Error {
  override readonly name = 'CheckRefused';
  readonly state: PluginState;

  constructor(state: PluginState, message: string) {
    super(message);
    this.state = state;
  }
}
