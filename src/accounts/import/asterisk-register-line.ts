// The value of `register =>` in sip.conf, split in the order of chan_sip (channels/sip/config_parser.c), with what that means
// for secrets that hold one of its separators:
//   [peer?][transport://]user[@domain][:secret[:authuser]]@host[:port][/extension][~expiry]
//   … user[@domain]:domainport:secret:authuser@host …

export type Registration = {
  /** Parts that are not there are empty. */
  readonly peer: string;
  /** null: none is named. */
  readonly transport: string | null;
  readonly user: string;
  readonly domain: string;
  readonly domainPort: string;
  readonly secret: string;
  readonly authUser: string;
  readonly host: string;
  readonly port: string;
  readonly extension: string;
  /** null: the default. */
  readonly expiry: string | null;
};

export function parseRegisterLine(value: string): Registration | { readonly why: string } {
  const at = value.lastIndexOf('@');
  const [userPart, hostPart] = [value.slice(0, Math.max(at, 0)), value.slice(at + 1)];
  if (userPart === '' || hostPart === '') return { why: 'it is not of the form user:secret@host' };
  const [first = '', afterPeer = ''] = separate(userPart, '?', 2);
  const [peer, account] = afterPeer === '' ? ['', first] : [first, afterPeer];
  // Else what follows would be the user: a piece of a password, shown as a name.
  if (peer.includes(':')) return { why: 'it has a "?" in its secret, which ends the name of a peer there' };
  const [scheme = '', blank = '', afterScheme = ''] = separate(account, '/', 3);
  if (blank !== '' || (afterScheme !== '' && !/^\w+:$/.test(scheme))) {
    return { why: 'it has a "/" before its host, which only "udp://" and its like may have' };
  }
  const [transport, login] = afterScheme === '' ? [null, scheme] : [scheme.slice(0, -1), afterScheme];
  const [identity = '', second = '', rest = ''] = separate(login, ':', 3);
  const [user = '', domain = ''] = separate(identity, '@', 2);
  const [address = '', expiry] = separate(hostPart, '~', 2);
  const [server = '', extension = ''] = separate(address, '/', 2);
  const [host = '', port = ''] = separate(server, ':', 2);
  if (bare(user) === '') return { why: 'it has no user' };
  return {
    peer: bare(peer),
    transport,
    user: bare(user),
    domain: bare(domain),
    ...credentials(second, rest),
    host: bare(host),
    port: bare(port),
    extension: bare(extension) || 's',
    expiry: expiry === undefined ? null : bare(expiry),
  };
}

/** After the user: `secret`, `secret:authuser`, or `domainport:secret:authuser`. */
function credentials(second: string, rest: string): Pick<Registration, 'secret' | 'authUser' | 'domainPort'> {
  const [third = '', fourth] = separate(rest, ':', 2);
  return fourth === undefined
    ? { secret: bare(second), authUser: bare(third), domainPort: '' }
    : { secret: bare(third), authUser: bare(fourth), domainPort: bare(second) };
}

/** At most `most` pieces; the last is all the rest. Quotes, brackets and parentheses hold together, `\` protects. */
function separate(text: string, separator: string, most: number): readonly string[] {
  const pieces: string[] = [];
  let [from, brackets, parentheses, isQuoted] = [0, 0, 0, false];
  for (let at = 0; at < text.length && pieces.length < most - 1; at++) {
    const character = text[at];
    if (character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === '[') brackets += 1;
    else if (character === ']') brackets = Math.max(0, brackets - 1);
    else if (character === '(') parentheses += 1;
    else if (character === ')') parentheses = Math.max(0, parentheses - 1);
    else if (character === separator && !isQuoted && brackets === 0 && parentheses === 0) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return text === '' ? [] : [...pieces, text.slice(from)];
}

/** Without the quotes around it. */
function bare(text: string): string {
  const trimmed = text.trim();
  return /^".*"$/s.test(trimmed) && trimmed.length > 1 ? trimmed.slice(1, -1) : trimmed;
}
