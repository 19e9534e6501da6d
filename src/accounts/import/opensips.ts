// The table registrant of OpenSIPS's module uac_registrant, and the commands that add rows to it while it runs:
// `opensips-cli -x mi uac_registrant:upsert aor=sip:… contact=sip:… registrar=sip:…`.

import { formatUri, type Param, paramValue, type SipUri } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { bindingKeys, bindingNotes, type OutboundIdentity } from './binding.ts';
import { hasUpserts, readUpserts } from './opensips-upsert.ts';
import { contactParamsEntry, parseParamList } from './param-lists.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { parseAddress, parseSeconds, parseServer, routingKeys } from './server-address.ts';
import { localSocket } from './socket-name.ts';
import { hasTable, rowsOfTable, type TableRow } from './table-rows.ts';
import type { TableShape } from './table-shape.ts';

const OWN =
  'id registrar proxy aor third_party_registrant username password binding_uri binding_params expiry forced_socket';

const REGISTRANT: TableShape = {
  name: 'registrant',
  marks: ['binding_uri', 'registrar', 'aor'],
  layouts: [`${OWN} cluster_shtag state`, `${OWN} cluster_shtag`, OWN].map((columns) => columns.split(' ')),
};

export const opensips: ImportFormat = {
  id: 'opensips',
  title: 'OpenSIPS, table registrant (SQL or db_text) or uac_registrant:upsert',
  recognises: ({ text }) => hasTable(text, REGISTRANT) || hasUpserts(text),
  read: readRegistrants,
};

function readRegistrants({ path, text }: ForeignFile): ImportReading {
  const { rows, rest } = hasUpserts(text) ? readUpserts(text) : { rows: [], rest: text };
  const all = [...rows, ...rowsOfTable(rest, REGISTRANT)].sort((a, b) => a.line - b.line);
  return readingOf(
    all.map((row) => ('why' in row ? { path, what: 'a row of registrant', ...row } : readRow(row, path))),
  );
}

/** One that is empty is not there. */
type Column = (name: string) => string | undefined;

function readRow({ line, values }: TableRow, path: string): Proposal | LeftOut {
  const column: Column = (name) => values.get(name) || undefined;
  const identity = parseAddress(column('aor') ?? '');
  if (identity === null || identity.user === null) {
    return { path, line, what: 'a row of registrant', why: 'its aor is no SIP URI with a user' };
  }
  const aor = formatUri({ ...identity, password: null, params: [], headers: [] });
  const leaveOut = (why: string): LeftOut => ({ path, line, what: `registrant ${aor}`, why });
  const [registrar, proxy] = ['registrar', 'proxy'].map((name) => parseServer(column(name) ?? ''));
  const contact = parseAddress(column('binding_uri') ?? '');
  const thirdParty = parseAddress(column('third_party_registrant') ?? '');
  if (!registrar) return leaveOut('its registrar is no SIP URI');
  if (column('proxy') !== undefined && !proxy) return leaveOut('its proxy is no SIP URI');
  if (column('third_party_registrant') !== undefined && thirdParty === null) {
    return leaveOut('its third_party_registrant is no SIP URI');
  }
  const socket = localSocket(column('forced_socket'), 'forced_socket');
  return {
    name: null,
    path,
    line,
    what: `registrant ${aor}`,
    entry: {
      aor,
      from:
        thirdParty === null
          ? undefined
          : formatUri({ ...thirdParty, password: null, params: [], headers: [] }),
      ...socket.keys,
      ...routingKeys(registrar, proxy ? [proxy] : []),
      username: column('username'),
      ...secretKeys(column('password')),
      expires: parseSeconds(column('expiry') ?? ''),
      ...contactKeys(contact, paramsOf(column)),
      enabled: column('state') === '1' ? false : undefined,
    },
    notes: [...socket.notes, ...notesOf(column, contact)],
  };
}

/** `0x` and 32 digits are HA1 of MD5. */
function secretKeys(password: string | undefined): Pick<Partial<AccountEntry>, 'ha1' | 'password'> {
  if (password === undefined) return {};
  return /^0x[0-9a-f]{32}$/i.test(password) ? { ha1: password.slice(2) } : { password };
}

/** null: they are not written as parameters. */
function paramsOf(column: Column): readonly Param[] | null {
  return parseParamList(column('binding_params') ?? '');
}

function outboundOf(params: readonly Param[]): OutboundIdentity {
  return {
    instance: paramValue(params, '+sip.instance') ?? '',
    regId: paramValue(params, 'reg-id') ?? '',
  };
}

function contactKeys(contact: SipUri | null, params: readonly Param[] | null): Partial<AccountEntry> {
  const all = params ?? [];
  const own = all.filter(({ name }) => !/^(?:\+sip\.instance|reg-id)$/i.test(name));
  const contactParams = contactParamsEntry(own);
  return {
    ...(contact !== null && bindingKeys(contact, outboundOf(all))),
    ...(contactParams && { contactParams }),
  };
}

function notesOf(column: Column, contact: SipUri | null): readonly string[] {
  const params = paramsOf(column);
  return [
    ...(column('state') === '1' ? ['state = 1: it is disabled here too'] : []),
    ...(column('password') === undefined ? [noSecret('password')] : []),
    ...(contact === null ? ['its binding_URI is no SIP URI: its Contact has the address of this host'] : []),
    ...(contact === null ? [] : bindingNotes(contact, outboundOf(params ?? []))),
    ...(params === null ? ['binding_params is left behind: write them like ;a=1;b'] : []),
    ...(column('cluster_shtag') === undefined
      ? []
      : ['cluster_shtag is left behind: let one sipreg at a time register it']),
  ];
}
