// The rules that every world has to keep, by their names, and the error that says which one is broken.

export type Rule =
  | 'one REGISTER in flight'
  | 'CSeq rises'
  | 'the Call-ID stays'
  | 'a nonce count is used once'
  | 'no spin'
  | 'no storm'
  | 'requests of a round are bounded'
  | 'Retry-After is a floor'
  | 'a closed target is left alone'
  | 'wrong credentials are tried rarely'
  | 'no secret is told'
  | 'the pace is kept'
  | 'the binding lives'
  | 'the account comes back'
  | 'no dead bindings'
  | 'each flow has its binding'
  | 'the way in is open'
  | 'nothing goes in the open after TLS'
  | 'the detour ends'
  | 'stop ends in time'
  | 'stop removes the binding'
  | 'nothing breaks';

/** A rule is broken. */
export class Violation extends Error {
  readonly rule: Rule;
  constructor(rule: Rule, text: string) {
    super(`${rule}: ${text}`);
    this.rule = rule;
  }
}
