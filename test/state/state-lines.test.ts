// state.json changed by its lines: the same as a change of the whole, whatever the names, and nothing that is not ours.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_FLOW } from '../../src/state/flow-record.ts';
import {
  type AccountRecord,
  formatHead,
  formatState,
  type StateDocument,
} from '../../src/state/state-document.ts';
import {
  type AccountChange,
  changedText,
  ForeignLayout,
  lineBuffers,
  linesOfFile,
} from '../../src/state/state-lines.ts';

const INSTANCE = 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
const BEFORE = { revision: 'before', instanceId: INSTANCE };
const AFTER = { revision: 'after', instanceId: INSTANCE };

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-lines-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const name = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('__proto__', '"', 'a\\', '}},', '\u2028'),
);

describe('a change by lines', () => {
  it('makes the text that a change of the whole makes, whatever the names and wherever the blocks end', () => {
    const step = fc.record({ name, becomes: fc.option(fc.nat(), { nil: null }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(name),
        fc.array(step),
        fc.integer({ min: 1, max: 5 }),
        (names, steps, each) => {
          const accounts = new Map(names.map((one, index) => [one, account(index)]));
          const changes = new Map(steps.map((one) => [one.name, changeTo(one.becomes)]));
          const text = changed({ ...BEFORE, accounts }, changes, each);
          for (const [one, change] of changes) {
            const record = change.make(account(0));
            if (record === null) accounts.delete(one);
            else accounts.set(one, record);
          }
          expect(text).toBe(formatState({ ...AFTER, accounts }));
        },
      ),
    );
  });

  it('hands each change the record that stands there, and NO_ACCOUNT where there is none', () => {
    const seen: unknown[] = [];
    const note: AccountChange = {
      make: (found) => {
        seen.push(found);
        return found;
      },
    };
    const accounts = new Map([
      ['größe', account(7)],
      ['other', account(8)],
    ]);
    changed(
      { ...BEFORE, accounts },
      new Map([
        ['größe', note],
        ['new', note],
      ]),
      9,
    );
    expect(seen).toEqual([account(7), { pausedSince: null, rejected: null, flows: new Map() }]);
  });

  it('refuses a text that is not laid out as ours', () => {
    const whole = formatState({
      ...BEFORE,
      accounts: new Map([
        ['one', account(1)],
        ['two', account(2)],
      ]),
    });
    const lines = whole.split('\n');
    const wrongs = [
      JSON.stringify(JSON.parse(whole), null, 2),
      JSON.stringify(JSON.parse(whole)),
      whole.slice(0, whole.lastIndexOf('}}')),
      whole.replace('"accounts"', '"later": 1,\n"accounts"'),
      [...lines.slice(0, 3), ...lines.slice(2)].join('\n'),
      [...lines.slice(0, 2), ...lines.slice(3)].join('\n'),
      whole.replace('"cseq":1', '"cseq":-1'),
      whole.replace('"cseq":1', '"cseq":'),
    ];
    for (const wrong of wrongs) {
      const tally = { before: 2, after: 0 };
      const changes = new Map([['one', changeTo(5)]]);
      const pass = changedText([Buffer.from(`${wrong}\n`)], 'head', changes, tally, lineBuffers());
      expect(() => [...pass], wrong).toThrow(ForeignLayout);
    }
  });
});

describe('the lines of a file', () => {
  it('come whole, however long the file and its lines are', () => {
    const path = join(directory, 'long');
    const lines = [30, 300_000, 5, 700_000, 1].map((length) => 'x'.repeat(length));
    writeFileSync(path, `${lines.join('\n')}\n`);
    const texts = Array.from(linesOfFile(path, lineBuffers()), String);
    expect(texts.every((text) => text.endsWith('\n'))).toBe(true);
    expect(texts.join('').split('\n').slice(0, -1)).toEqual(lines);
  });

  it('are refused when the last has no end', () => {
    const path = join(directory, 'cut');
    writeFileSync(path, 'one\ntwo');
    expect(() => [...linesOfFile(path, lineBuffers())]).toThrow(ForeignLayout);
  });
});

function account(cseq: number): AccountRecord {
  const flow = {
    ...NO_FLOW,
    callId: '0123456789abcdef0123456789abcdef',
    cseq,
    contact: 'sip:1@[2001:db8::1]',
  };
  return { pausedSince: null, rejected: null, flows: new Map([[1, flow]]) };
}

function changeTo(cseq: number | null): AccountChange {
  return { make: () => (cseq === null ? null : account(cseq)) };
}

/** With `each` lines in a block. */
function changed(document: StateDocument, changes: ReadonlyMap<string, AccountChange>, each: number): string {
  const lines = formatState(document).match(/[^\n]*\n/g) ?? [];
  const blocks: Buffer[] = [];
  for (let at = 0; at < lines.length; at += each)
    blocks.push(Buffer.from(lines.slice(at, at + each).join('')));
  const tally = { before: document.accounts.size, after: 0 };
  let text = '';
  for (const piece of changedText(blocks, formatHead(AFTER), changes, tally, lineBuffers()))
    text += Buffer.from(piece);
  expect(tally.after).toBe(Object.keys(JSON.parse(text).accounts).length);
  return text;
}
