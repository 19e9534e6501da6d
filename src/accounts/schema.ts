// The shape of the accounts file (interface.md, "Accounts file"): every key, its type and its description for
// editors. Secrets are described in secret-schema.ts; rules about several keys or several accounts are in consistency.ts.

import * as v from 'valibot';
import type { Result } from '../core/result.ts';
import { TRANSPORTS } from '../core/sip/transport.ts';
import { isOpenToAll } from './listen-address.ts';
import { described, finalStatus, finite, optional, pathItem, text, wholeNumber } from './schema-terms.ts';
import { argv, credentials, digest, ha1, password, secretSource } from './secret-schema.ts';
import { describeIssue, issueProblems, withoutRepeats } from './shape-issues.ts';
import { type ShapeProblem, structureProblems } from './structure.ts';
import {
  accountNameRule,
  answeredMethodRule,
  collectorRule,
  contactParamNameRule,
  dnsServerRule,
  headerNameRule,
  hostNameRule,
  httpUrlRule,
  lineRule,
  listenRule,
  pathRule,
  pinRule,
  proxyRule,
  type Rule,
  repeatedNames,
  serverRule,
  socketAddressRule,
  socketPathRule,
  tokenRule,
  uriParamNameRule,
  uriParamValueRule,
  uriRule,
  urnRule,
  wordRule,
} from './value-rules.ts';

const UINT32_MAX = 4_294_967_295;
const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 365 * DAY_SECONDS;

const contactParams = v.pipe(
  parameters(contactParamNameRule, lineRule),
  v.rawCheck(({ dataset, addIssue }) => {
    for (const [key, value] of dataset.typed ? Object.entries(dataset.value) : []) {
      if (key.toLowerCase() !== 'q' || (typeof value === 'number' && value >= 0 && value <= 1)) continue;
      addIssue({ message: 'must be a number from 0 to 1', path: [pathItem(dataset.value, key)] });
    }
  }),
);

const contactUriParams = parameters(uriParamNameRule, uriParamValueRule);

function parameters(name: Rule, value: Rule) {
  const written = v.union([v.literal(true), finite(), text(value)], 'must be true, a number or a string');
  return v.pipe(
    v.record(text(name), written),
    v.rawCheck(({ dataset, addIssue }) => {
      for (const key of dataset.typed ? repeatedNames(dataset.value) : []) {
        addIssue({ message: 'stands here in another case already', path: [pathItem(dataset.value, key)] });
      }
    }),
  );
}

const tls = v.strictObject({
  ca: optional(
    'PEM file or directory of the authorities to trust, or "system": those of this host (those that Node brings)',
    text(pathRule),
  ),
  cert: optional('PEM file of our own certificate and its chain', text(pathRule)),
  key: optional('PEM file of its key', text(pathRule)),
  keyPassphrase: optional('Passphrase of the key, or where it is; read afresh with the key', password),
  allowInsecureKey: optional('Use a key that every user of this host can read (false)', v.boolean()),
  serverName: optional('Name to ask for and to verify, in place of the SIP domain', text(hostNameRule)),
  verify: optional(
    'rfc5922: the SIP domain (default); host: the host name of the target; pin: one of "pins"; none: anything',
    v.picklist(['rfc5922', 'host', 'pin', 'none']),
  ),
  pins: optional(
    'SHA-256 of accepted certificates or public keys, in hexadecimal or base64',
    v.array(text(pinRule)),
  ),
  allowWildcard: optional('Accept *.example.com (false)', v.boolean()),
  minVersion: optional(
    'Oldest TLS version (TLSv1.2)',
    v.picklist(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']),
  ),
});

const answer = v.record(
  text(answeredMethodRule),
  v.union(
    [
      finalStatus(),
      v.strictObject({
        status: described('Final status code', finalStatus()),
        contact: optional('Where a 3xx sends the caller', text(uriRule)),
      }),
    ],
    'must be a final status code, or an object with status and contact',
  ),
);

const commonEntries = {
  from: optional('From of the REGISTER, when a third party registers (the AOR)', text(uriRule)),
  registrar: optional("The registrar (sip: and the AOR's domain)", text(serverRule)),
  outboundProxy: optional(
    'One URI or a list, sip: or with a path ws: or wss:; each becomes a Route. With outbound, one flow each',
    v.union(
      [text(proxyRule), v.pipe(v.array(text(proxyRule)), v.minLength(1, 'must not be empty'))],
      'must be a URI or a list of URIs',
    ),
  ),
  username: optional("User name for digest (the AOR's user)", text(wordRule)),
  realm: optional('The realm that username and password answer (any)', text(wordRule)),
  password: optional('The password, or where it is; it may be empty', password),
  ha1: optional('HA1 in place of the password', ha1),
  credentials: optional('Further credentials, one for each realm', credentials),
  digest: optional(
    'Which challenges are answered: others are refused, so that nobody on the way gets a weaker answer',
    digest,
  ),
  transport: optional('auto: as DNS says, RFC 3263 (auto)', v.picklist(['auto', ...TRANSPORTS])),
  expires: optional('Seconds asked for (3600)', wholeNumber(1, UINT32_MAX)),
  contact: optional('A whole Contact URI, to register for another host (the local address)', text(uriRule)),
  contactUser: optional("User part of the Contact, unescaped (the AOR's user)", text(wordRule)),
  contactUriParams: optional('Parameters inside the Contact URI; true is a bare flag', contactUriParams),
  contactParams: optional('Header parameters of the Contact; true is a bare flag', contactParams),
  local: optional('Address and port to send from; port 0: any', text(socketAddressRule)),
  nat: optional(
    'auto: the public address that the registrar sees goes into the Contact (auto)',
    v.picklist(['auto', 'off']),
  ),
  outbound: optional('RFC 5626 (auto)', v.picklist(['auto', 'on', 'off'])),
  instanceId: optional('URN for +sip.instance (made once, then kept)', text(urnRule)),
  keepalive: optional(
    'Keeps the NAT mapping and finds dead flows',
    v.strictObject({
      method: optional('How (auto)', v.picklist(['auto', 'crlf', 'stun', 'options', 'off'])),
      interval: optional(
        'Seconds between two (by transport and method)',
        v.pipe(
          finite(),
          v.minValue(1, 'must be at least 1'),
          v.maxValue(DAY_SECONDS, 'must be at most 86400'),
        ),
      ),
    }),
  ),
  tls: optional('TLS of this account; files are read afresh', tls),
  headers: optional('Extra header fields of the REGISTER', v.record(text(headerNameRule), text(lineRule))),
  initialAuthorization: optional(
    'The first REGISTER already has an Authorization with empty nonce and response, as IMS clients send it (false)',
    v.boolean(),
  ),
  userAgent: optional('User-Agent field; "" leaves it out (sipreg and its version)', text(lineRule)),
  retry: optional(
    'Waits after failures',
    v.strictObject({
      base: optional('Seconds, doubled with each failure (30)', wholeNumber(1, DAY_SECONDS)),
      max: optional(
        'Longest wait in seconds (300; 1800 with several outbound flows)',
        wholeNumber(1, DAY_SECONDS),
      ),
      credentialAttempts: optional(
        'Tries with rejected credentials before the account is blocked (3)',
        wholeNumber(1, 100),
      ),
      blockedProbe: optional(
        'Seconds between two tries while blocked; 0: never (21600)',
        wholeNumber(0, YEAR_SECONDS),
      ),
    }),
  ),
  answer: optional(
    'Final answers to calls, by method: {"INVITE": 480}; 408 for INVITE only (RFC 4320)',
    answer,
  ),
  acceptFrom: optional(
    "Whose requests are heard: the flow's peer, any address of the registrar or proxy, or anybody's (registrar)",
    v.picklist(['peer', 'registrar', 'any']),
  ),
  dns: optional(
    'Name resolution of this account: servers of its own are asked without /etc/hosts',
    v.strictObject({ servers: optional("DNS servers (the system's)", v.array(text(dnsServerRule))) }),
  ),
  enabled: optional('false: known, but not registered (true)', v.boolean()),
};

const defaultsSchema = v.strictObject(commonEntries);

export const accountSchema = v.strictObject({
  aor: described('Address of record, a sip: or sips: URI: To and From of the REGISTER', text(uriRule)),
  ...commonEntries,
});

const secretUrl = v.union(
  [text(httpUrlRule), secretSource],
  'must be a URL or an object with file, env, command or credential',
);

const notices = v.strictObject({
  after: optional(
    'Seconds that an account stays in its new condition before it is told (60)',
    wholeNumber(0, DAY_SECONDS),
  ),
  repeat: optional(
    'Seconds after which an account that is still down is told again; 0: never (21600)',
    wholeNumber(0, YEAR_SECONDS),
  ),
  command: optional('Program and arguments, run without a shell, with the facts in its environment', argv),
  webhook: optional('URL that gets each notice as a JSON POST, or where the URL is', secretUrl),
  heartbeat: optional(
    'A dead-man switch as Healthchecks has it: asked for while all is well, with /fail while it is not',
    v.strictObject({
      url: described('Its URL, or where the URL is', secretUrl),
      interval: optional('Seconds between two (60)', wholeNumber(10, DAY_SECONDS)),
    }),
  ),
});

const token = v.union(
  [text(tokenRule), secretSource],
  'must be a string or an object with file, env, command or credential',
);

const hep = v.strictObject({
  server: described('The collector: host and port, like 192.0.2.9:9060', text(collectorRule)),
  id: optional('ID of this capture agent (1)', wholeNumber(0, UINT32_MAX)),
  node: optional('Its name, for people', text(wordRule)),
  password: optional('What the collector asks for; it travels in the clear', password),
});

const agentEntries = v.strictObject({
  http: optional('Where /metrics and the health pages are served, like 127.0.0.1:9724', text(listenRule)),
  httpToken: optional('What clients of "http" have to show; needed when other hosts reach it', token),
  httpHosts: optional('Further names under which "http" is asked for', v.array(text(hostNameRule))),
  notices: optional('Who is told when an account goes down or comes back', notices),
  hep: optional('A copy of every SIP message for Homer (HEPv3 over UDP), credentials redacted', hep),
  socket: optional('Path of the control socket', text(socketPathRule)),
  socketGroup: optional('Group whose members may read the status', text(wordRule)),
  pacing: optional(
    'Registrations that may begin in one second at each registrar; 0: no pacing',
    wholeNumber(0, 100_000),
  ),
});

const agentSchema = v.pipe(
  agentEntries,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || !isOpenToAll(dataset.value)) return;
    addIssue({
      message: 'is reached by other hosts, and has no "httpToken"',
      expected: 'set one, or let it listen at 127.0.0.1',
      path: [pathItem(dataset.value, 'http')],
    });
  }),
);

/** The schema of the whole file; scripts turn it into accounts.schema.json. */
export const documentSchema = v.strictObject({
  $schema: optional('Where editors find this schema', v.string()),
  defaults: optional('Taken by every account that does not say otherwise', defaultsSchema),
  accounts: described('The accounts, by name', v.record(text(accountNameRule), accountSchema)),
  agent: optional('The agent itself', agentSchema),
});

/** Parts that stand in several places; accounts.schema.json defines them once. */
export const sharedSchemas = { secretSource };

type Written = v.InferOutput<typeof documentSchema>;
export type AccountsDocument = Omit<Written, 'accounts'> & { accounts: Record<string, AccountEntry> };
export type AccountDefaults = v.InferOutput<typeof defaultsSchema>;
/** One account as written, or with the defaults filled in; what neither says is left out or undefined. */
export type AccountEntry = { aor: string } & { [K in keyof AccountDefaults]: AccountDefaults[K] | undefined };
export type AgentEntry = v.InferOutput<typeof agentSchema>;

/** Whether `value` is what `schema` wants, without a word of what is wrong. */
export function fits(schema: v.GenericSchema, value: unknown): boolean {
  return v.is(schema, value) && structureProblems(schema, value, []).length === 0;
}

/** The document when its shape is right, else everything that is wrong with it. No message repeats a value. */
export function checkBySchema(input: unknown): Result<AccountsDocument, readonly ShapeProblem[]> {
  const outcome = v.safeParse(documentSchema, input, { message: describeIssue });
  const structural = structureProblems(documentSchema, input, []);
  if (outcome.success && structural.length === 0) return { ok: true, value: outcome.output };
  const issues = (outcome.issues ?? []).flatMap((issue) => issueProblems(issue, []));
  return { ok: false, error: withoutRepeats(structural, issues) };
}
