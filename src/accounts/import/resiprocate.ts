// users.txt of reSIProcate's registrationAgent: one account a line, its columns between TABs.

import { formatUri } from '../../core/sip/uri.ts';
import { bindingKeys, bindingNotes } from './binding.ts';
import { type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { asServer, parseAddress, parseSeconds, routingKeys, transportIn } from './server-address.ts';

export const resiprocate: ImportFormat = {
  id: 'resiprocate',
  title: 'reSIProcate registrationAgent, users.txt',
  recognises: ({ text }) => /^<?sips?:[^\t\r\n]+\t *<?sips?:/im.test(text),
  read: readUsers,
};

function readUsers({ path, text }: ForeignFile): ImportReading {
  const findings = text.split(/\r?\n/).flatMap((line, at) => {
    const isEntry = line.trim() !== '' && !line.trimStart().startsWith('#') && !/^AoR\t/i.test(line);
    return isEntry ? [readLine(line, { path, line: at + 1 })] : [];
  });
  return readingOf(findings);
}

type Place = Pick<LeftOut, 'path' | 'line'>;

function readLine(text: string, place: Place): Proposal | LeftOut {
  const columns = text.split('\t').map((column) => column.trim());
  const [aorText = '', contactText = '', secret, authUser, expiry = '', proxyText = ''] = columns;
  const outbound = { regId: columns[6] ?? '', instance: columns[7] ?? '' };
  const [aor, contact, proxy] = [aorText, contactText, proxyText].map(parseAddress);
  // In a line that is not split right the secret could stand in any column.
  if (!aor || aor.user === null) {
    return { ...place, what: 'the line', why: 'its first column, the AoR, is no SIP URI with a user' };
  }
  const identity = formatUri({ ...aor, password: null, params: [], headers: [] });
  const leaveOut = (why: string): LeftOut => ({ ...place, what: identity, why });
  if (contactText !== '' && !contact) return leaveOut('its Contact is no SIP URI');
  if (proxyText !== '' && !proxy) return leaveOut('its Outbound-Proxy is no SIP URI');
  const transport = contact ? transportIn(contact) : null;
  return {
    ...place,
    name: null,
    what: identity,
    entry: {
      aor: identity,
      ...(transport && { transport }),
      ...routingKeys(asServer(aor), proxy ? [asServer(proxy)] : []),
      username: authUser || undefined,
      password: secret || undefined,
      expires: parseSeconds(expiry),
      ...(contact && bindingKeys(contact, outbound)),
    },
    notes: contact ? bindingNotes(contact, outbound) : [],
  };
}
