// state.json as lines of bytes: those of accounts that change are put into words anew, all others are copied as they
// stand. So nothing has to be kept in memory of accounts that rest, and a change of a few among fifty thousand costs
// little more than copying the file.

import { closeSync, openSync, readSync } from 'node:fs';
import {
  ACCOUNTS_LINE,
  type AccountRecord,
  END_LINE,
  formatAccount,
  NO_ACCOUNT,
  parseAccount,
} from './state-document.ts';

export type AccountChange = {
  /** What becomes of an account; null: it is forgotten. */
  readonly make: (account: AccountRecord) => AccountRecord | null;
};

/** By the name of the account. */
export type AccountChanges = ReadonlyMap<string, AccountChange>;

/** It does not have one account a line as we write it: it has to be read as a whole. */
export class ForeignLayout extends Error {
  override readonly name = 'ForeignLayout';
}

/** How many accounts the old text has, and the new one. */
export type Tally = { readonly before: number; after: number };

/** What one writer reads into and writes from, kept from write to write: malloc keeps as much as it was ever asked for in one
 * piece, in each of its arenas, once that is given back. */
export type LineBuffers = { input: Buffer; output: Buffer };

export function lineBuffers(): LineBuffers {
  return { input: Buffer.allocUnsafeSlow(BLOCK_BYTES), output: Buffer.allocUnsafeSlow(OUTPUT_BYTES) };
}

/**
 * The text that follows on `blocks` (whole lines each) when `changes` are made to it, beginning with `head`, in pieces that
 * are good until the next is asked for. `tally.after` is known at the end. Throws ForeignLayout.
 */
export function* changedText(
  blocks: Iterable<Buffer>,
  head: string,
  changes: AccountChanges,
  tally: Tally,
  buffers: LineBuffers,
): Generator<Uint8Array> {
  const pass = beginPass(changes, tally, buffers);
  addText(pass, `${head}\n${ACCOUNTS_LINE}\n`);
  for (const block of blocks) {
    passBlock(pass, block);
    if (pass.length >= PIECE_BYTES) yield takeOutput(pass);
  }
  // Not one more: an account that stood there twice would hide its change.
  if (pass.next !== 'nothing' || pass.passed !== tally.before)
    throw new ForeignLayout('it has other accounts');
  for (const [name, change] of pass.changes) {
    addAccount(pass, name, change.make(NO_ACCOUNT));
    if (pass.length >= PIECE_BYTES) yield takeOutput(pass);
  }
  addText(pass, `\n${END_LINE}\n`);
  yield takeOutput(pass);
}

/** The text of the file in blocks of whole lines, each good until the next is asked for. Throws the system's error. */
export function* linesOfFile(path: string, buffers: LineBuffers): Generator<Buffer> {
  const descriptor = openSync(path, 'r');
  try {
    for (let position = 0; ; ) {
      const { input } = buffers;
      const length = readSync(descriptor, input, 0, input.length, position);
      if (length === 0) return;
      const end = input.lastIndexOf(NEWLINE, length - 1) + 1;
      if (end > 0) yield input.subarray(0, end);
      else if (length < input.length) throw new ForeignLayout('its last line has no end');
      else buffers.input = Buffer.allocUnsafeSlow(2 * input.length);
      position += end;
    }
  } finally {
    closeSync(descriptor);
  }
}

type Pass = {
  /** What is still to be changed. */
  readonly changes: Map<string, AccountChange>;
  readonly tally: Tally;
  next: 'head' | 'accounts' | 'account' | 'nothing';
  /** Accounts of the old text so far. */
  passed: number;
  /** The lines of the block that are to be copied together; none: `copyFrom` is -1. */
  copyFrom: number;
  copyTo: number;
  hasAccount: boolean;
  readonly buffers: LineBuffers;
  /** How much of the output is filled. */
  length: number;
};

function beginPass(changes: AccountChanges, tally: Tally, buffers: LineBuffers): Pass {
  tally.after = 0;
  return {
    changes: new Map(changes),
    tally,
    next: 'head',
    passed: 0,
    copyFrom: -1,
    copyTo: -1,
    hasAccount: false,
    buffers,
    length: 0,
  };
}

function passBlock(pass: Pass, block: Buffer): void {
  for (let start = 0; start < block.length; ) {
    const end = block.indexOf(NEWLINE, start);
    if (pass.next === 'account' && block[start] === QUOTE) passAccount(pass, block, start, end);
    else passFrame(pass, block.toString('latin1', start, end));
    start = end + 1;
  }
  copyLines(pass, block);
}

function passAccount(pass: Pass, block: Buffer, start: number, lineEnd: number): void {
  const keyEnd = endOfKey(block, start, lineEnd);
  const end = block[lineEnd - 1] === COMMA ? lineEnd - 1 : lineEnd;
  if (block[end - 1] !== BRACE) throw new ForeignLayout('an account does not end with its line');
  const name = nameIn(block, start, keyEnd);
  const change = pass.changes.get(name);
  pass.passed++;
  if (change === undefined) {
    if (pass.copyFrom === -1) pass.copyFrom = start;
    pass.copyTo = end;
    pass.tally.after++;
    return;
  }
  copyLines(pass, block);
  pass.changes.delete(name);
  addAccount(pass, name, change.make(recordIn(block.toString('utf8', keyEnd + 1, end))));
}

function endOfKey(block: Buffer, start: number, lineEnd: number): number {
  for (let at = start + 1; at < lineEnd; at++) {
    if (block[at] === BACKSLASH) at++;
    else if (block[at] === QUOTE) return at + 1;
  }
  throw new ForeignLayout('a name does not end');
}

/** A name of ASCII without a backslash is what its bytes say. */
function nameIn(block: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    const byte = block[at] ?? 0;
    if (byte > ASCII_MAX || byte === BACKSLASH) return String(jsonIn(block.toString('utf8', start, end)));
  }
  return block.toString('latin1', start + 1, end - 1);
}

function recordIn(text: string): AccountRecord {
  const account = parseAccount(jsonIn(text));
  if (account === null) throw new ForeignLayout('a record is wrong');
  return account;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ForeignLayout('a line is no JSON');
  }
}

/** A line that is no account's. */
function passFrame(pass: Pass, line: string): void {
  if (pass.next === 'head') pass.next = 'accounts';
  else if (pass.next === 'accounts' && line === ACCOUNTS_LINE) pass.next = 'account';
  else if (pass.next === 'account' && line === END_LINE) pass.next = 'nothing';
  // Where there is no account the line for them is empty.
  else if (line !== '' || pass.next !== 'account') throw new ForeignLayout('it has other lines');
}

function copyLines(pass: Pass, block: Buffer): void {
  const { copyFrom, copyTo } = pass;
  if (copyFrom === -1) return;
  pass.copyFrom = -1;
  beginAccount(pass);
  makeRoom(pass, copyTo - copyFrom);
  pass.length += block.copy(pass.buffers.output, pass.length, copyFrom, copyTo);
}

function addAccount(pass: Pass, name: string, account: AccountRecord | null): void {
  if (account === null) return;
  pass.tally.after++;
  beginAccount(pass);
  addText(pass, `${JSON.stringify(name)}: ${formatAccount(account)}`);
}

/** What stands between two accounts. */
function beginAccount(pass: Pass): void {
  if (pass.hasAccount) addText(pass, ',\n');
  pass.hasAccount = true;
}

function addText(pass: Pass, text: string): void {
  makeRoom(pass, 3 * text.length);
  pass.length += pass.buffers.output.write(text, pass.length);
}

function makeRoom({ buffers, length }: Pass, bytes: number): void {
  const { output } = buffers;
  if (length + bytes <= output.length) return;
  buffers.output = Buffer.allocUnsafeSlow(2 * (length + bytes));
  output.copy(buffers.output, 0, 0, length);
}

function takeOutput(pass: Pass): Uint8Array {
  const taken = pass.buffers.output.subarray(0, pass.length);
  pass.length = 0;
  return taken;
}

const BLOCK_BYTES = 128 * 1024;
/** Written at once: with each piece the writer waits for a turn of the event loop, and holds it up for some milliseconds. */
const PIECE_BYTES = 2 * BLOCK_BYTES;
/** A piece that is nearly full, and one more block with its changes. */
const OUTPUT_BYTES = PIECE_BYTES + 2 * BLOCK_BYTES;
const ASCII_MAX = 0x7e;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACE = 0x7d;
