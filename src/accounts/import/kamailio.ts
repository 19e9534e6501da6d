// The table uacreg of Kamailio's module uac. A row registers sip:r_username@r_domain; l_uuid is the user of its Contact.

import { escapeUser } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { addressOfRecord, parseSeconds, parseServer, routingKeys } from './server-address.ts';
import { localSocket } from './socket-name.ts';
import { hasTable, rowsOfTable, type TableRow } from './table-rows.ts';
import type { TableShape } from './table-shape.ts';

const OWN = 'id l_uuid l_username l_domain r_username r_domain realm auth_username auth_password';

const UACREG: TableShape = {
  name: 'uacreg',
  marks: ['l_uuid', 'r_domain', 'auth_proxy'],
  layouts: [
    `${OWN} auth_ha1 auth_proxy expires flags reg_delay contact_addr contact_user socket`,
    `${OWN} auth_ha1 auth_proxy expires flags reg_delay contact_addr socket`,
    `${OWN} auth_ha1 auth_proxy expires flags reg_delay socket`,
    `${OWN} auth_ha1 auth_proxy expires flags reg_delay`,
    `${OWN} auth_proxy expires flags reg_delay`,
    `${OWN} auth_proxy expires`,
  ].map((columns) => columns.split(' ')),
};

export const kamailio: ImportFormat = {
  id: 'kamailio',
  title: 'Kamailio, table uacreg (SQL or db_text)',
  recognises: ({ text }) => hasTable(text, UACREG),
  read: ({ path, text }: ForeignFile): ImportReading =>
    readingOf(
      rowsOfTable(text, UACREG).map((row) =>
        'why' in row ? { path, what: 'a row of uacreg', ...row } : readRow(row, path),
      ),
    ),
};

/** One that is empty, or the "." that older versions want in its place, is not there. */
type Column = (name: string) => string | undefined;

function readRow({ line, values }: TableRow, path: string): Proposal | LeftOut {
  const column: Column = (name) => {
    const text = values.get(name);
    return text === '' || text === '.' ? undefined : text;
  };
  const uuid = column('l_uuid');
  const what = uuid === undefined ? 'a row of uacreg' : `uacreg ${uuid}`;
  const leaveOut = (why: string): LeftOut => ({ path, line, what, why });
  const [user, domain] = [column('r_username'), column('r_domain')];
  if (user === undefined || domain === undefined) return leaveOut('it has no r_username or no r_domain');
  const registrar = parseServer(domain);
  const proxy = column('auth_proxy') === undefined ? undefined : parseServer(column('auth_proxy') ?? '');
  if (registrar === null) return leaveOut('its r_domain is no host name');
  if (proxy === null) return leaveOut('its auth_proxy is no SIP URI');
  const aor = addressOfRecord(user, registrar);
  const routing = routingKeys(registrar, proxy === undefined ? [] : [proxy]);
  const socket = localSocket(column('socket'), 'socket');
  return {
    name: uuid ?? null,
    path,
    line,
    what,
    entry: {
      aor,
      ...socket.keys,
      ...routing,
      realm: column('realm'),
      username: column('auth_username'),
      ...secretKeys(column),
      ...lifetimeKeys(column),
      ...contactKeys(column),
    },
    notes: [...socket.notes, ...notesOf(column)],
  };
}

/** HA1 wins over the password there. */
function secretKeys(column: Column): Pick<Partial<AccountEntry>, 'ha1' | 'password'> {
  const [ha1, password] = [column('auth_ha1'), column('auth_password')];
  if (ha1 !== undefined) return { ha1 };
  return password === undefined ? {} : { password };
}

/** Bit 0 of the flags, and 0 seconds, mean that the row is not used. */
function isDisabled(column: Column): boolean {
  return parseSeconds(column('expires') ?? '0') === 0 || Number(column('flags') ?? 0) % 2 === 1;
}

function lifetimeKeys(column: Column): Pick<Partial<AccountEntry>, 'expires' | 'enabled'> {
  const expires = parseSeconds(column('expires') ?? '0') || undefined;
  return { ...(expires && { expires }), ...(isDisabled(column) && { enabled: false }) };
}

function contactKeys(column: Column): Pick<Partial<AccountEntry>, 'contact' | 'contactUser'> {
  const user = column('contact_user') ?? column('l_uuid');
  const address = column('contact_addr');
  if (user === undefined) return {};
  return address === undefined ? { contactUser: user } : { contact: `sip:${escapeUser(user)}@${address}` };
}

function notesOf(column: Column): readonly string[] {
  const left = ['l_username', 'l_domain', 'reg_delay'].filter((name) => (column(name) ?? '0') !== '0');
  const hasSecret = ['auth_password', 'auth_ha1'].some((name) => column(name) !== undefined);
  return [
    ...(isDisabled(column) ? ['expires = 0 or the flag 1: it is disabled here too'] : []),
    ...(hasSecret ? [] : [noSecret('auth_password')]),
    ...(column('contact_addr') === undefined
      ? ['its Contact has the address of this host: set "contact" if calls are to go on to Kamailio']
      : []),
    ...(left.length === 0
      ? []
      : [`${left.join(', ')}: left behind, as sipreg passes no calls on and spreads its REGISTERs itself`]),
  ];
}
