// The Authorization of an IMS client's first REGISTER.

import { expect, it } from 'vitest';
import { initialAuthorization } from '../../../src/core/digest/initial.ts';
import { parseAuthorization } from '../../../src/core/digest/verification.ts';

it('has empty nonce and response, as IMS clients send them', () => {
  const username = 'user1_private@home1.net';
  expect(initialAuthorization({ username, realm: 'home1.net', uri: 'sip:home1.net' })).toEqual({
    name: 'Authorization',
    value:
      'Digest username="user1_private@home1.net", realm="home1.net", uri="sip:home1.net", nonce="", response=""',
  });
});

it('R271 escapes what a user wrote', () => {
  const { value } = initialAuthorization({ username: 'a"b', realm: '\\', uri: 'sip:x' });
  expect(parseAuthorization(value)).toMatchObject({ username: 'a"b', realm: '\\', response: '' });
});
