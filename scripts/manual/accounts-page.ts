// accounts.json(5): every key with its type and its description, as the published JSON Schema has them.

import { accountsJsonSchema } from '../accounts-json-schema.ts';
import type { Block, Edition, ListItem, Page, Section } from './roff.ts';

type Schema = {
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly $ref?: string;
};

/** The page. */
export function accountsPage(edition: Edition): Page {
  const { properties = {} } = JSON.parse(accountsJsonSchema()) as Schema;
  const accounts = properties.accounts?.additionalProperties;
  if (!accounts || properties.agent === undefined) throw new Error('the schema has no accounts or no agent');
  return {
    name: 'accounts.json',
    summary: 'the SIP accounts that sipreg registers',
    section: 5,
    edition,
    sections: [
      {
        title: 'SYNOPSIS',
        blocks: [
          '*file* of `--config`, else `$SIPREG_CONFIG`, else `~/.config/sipreg/accounts.json`, else `/etc/sipreg/accounts.json`',
        ],
      },
      DESCRIPTION,
      EXAMPLE,
      {
        title: 'KEYS OF AN ACCOUNT',
        blocks: [
          'Only `aor` is required. In parentheses: what holds without the key.',
          keyList(accounts, ''),
        ],
      },
      SECRETS,
      {
        title: 'KEYS OF THE AGENT',
        blocks: ['In the object `agent`; all are optional.', keyList(properties.agent, '')],
      },
      NOTES,
      {
        title: 'SEE ALSO',
        blocks: [
          '`sipreg`(1), `check_sipreg`(8), accounts.example.json and accounts.schema.json of the package.',
        ],
      },
    ],
  };
}

function keyList(schema: Schema, before: string): Block {
  return { list: keyItems(schema, before) };
}

/** The keys below a key stand behind it: "tls.ca". */
function keyItems({ properties = {} }: Schema, before: string): readonly ListItem[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const key = `${before}${name}`;
    const item = { term: `\`${key}\` ${typeText(schema)}`, blocks: [sentence(schema.description ?? '')] };
    return [item, ...keyItems(schema, `${key}.`), ...rowItems(schema, key)];
  });
}

/** "credentials" is a list of objects. */
function rowItems({ items }: Schema, key: string): readonly ListItem[] {
  return items === undefined ? [] : keyItems(items, `${key}[].`);
}

/** What may stand there, in words. */
function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return '*source*';
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`"${word}"\``).join('|');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join('|');
  switch (schema.type) {
    case 'integer':
    case 'number':
      return numberText(schema);
    case 'boolean':
      return '`true`|`false`';
    case 'array':
      return `[${schema.items?.properties === undefined ? typeText(schema.items ?? {}) : '*object*'}…]`;
    case 'object':
      return '*object*';
    default:
      return '*string*';
  }
}

/** What is bounded by 32 bits is not bounded for people. */
function numberText({ minimum = 0, maximum = Number.POSITIVE_INFINITY }: Schema): string {
  return maximum < 2 ** 32 - 1 ? `*${minimum}–${maximum}*` : `*number* from ${minimum}`;
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

const DESCRIPTION: Section = {
  title: 'DESCRIPTION',
  blocks: [
    'One JSON object with the members `accounts` (by name), `defaults` (what every account takes that does not say otherwise; every key of an account but `aor`) and `agent` (settings of the agent itself).',
    'The name of an account has up to 64 letters, digits and `. _ - + @`, and begins with none of dot and dash. An unknown key is an error that names the nearest known one. `sipreg config check` tells file, line and key of everything that is wrong, and reads secrets and TLS files too.',
    'Relative paths begin at the directory of the file. The running agent reads the file again at `sipreg reload` or SIGHUP; one that is wrong changes nothing.',
    'Editors offer keys and their descriptions where the file names the schema: `"$schema": "/path/to/accounts.schema.json"`, which `sipreg config schema` prints.',
  ],
};

const EXAMPLE: Section = {
  title: 'EXAMPLE',
  blocks: [
    {
      code: [
        '{',
        '  "defaults": { "expires": 3600 },',
        '  "accounts": {',
        '    "office": {',
        '      "aor": "sip:1008@pbx.example.com",',
        '      "password": { "file": "/etc/sipreg/office.secret" },',
        '      "transport": "tls"',
        '    },',
        '    "trunk": {',
        '      "aor": "sip:+4930123456@provider.example",',
        '      "outboundProxy": "sip:proxy.provider.example;lr",',
        '      "username": "4930123456",',
        '      "password": { "credential": "trunk" },',
        '      "contact": "sip:+4930123456@192.0.2.10:5060"',
        '    }',
        '  },',
        '  "agent": { "http": "127.0.0.1:9724" }',
        '}',
      ],
    },
  ],
};

const SECRETS: Section = {
  title: 'SECRETS',
  blocks: [
    'Where a *source* may stand for a secret, it is an object with one of these:',
    {
      list: [
        {
          term: '`{"file":` *path*`}`',
          blocks: ['The content of a file. A changed file is noticed where an account was rejected.'],
        },
        { term: '`{"env":` *name*`}`', blocks: ['A variable of the environment of sipreg.'] },
        {
          term: '`{"command":` [*program*, *argument*…]`}`',
          blocks: ['What a program prints; no shell is involved.'],
        },
        {
          term: '`{"credential":` *id*`}`',
          blocks: ['A credential of systemd: `LoadCredential=`*id*`:`*path* in the unit.'],
        },
      ],
    },
    'One trailing line break of a file, command or credential is dropped. A file with passwords in it that others can read gets a warning at each start.',
  ],
};

const NOTES: Section = {
  title: 'NOTES',
  blocks: [
    'Of several enabled accounts no two may have the same AOR at the same registrar and proxy, unless their `contact` or `instanceId` differ: they would take the place of each other.',
    'TLS files are read again before each handshake and every 30 seconds, the passphrase with them. A set that is half-written or does not belong together changes nothing, and is told after a minute.',
  ],
};
