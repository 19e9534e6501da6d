import { mkdtempSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { it } from 'vitest';
import { fakeView, serve } from './http-scene.ts';
import { aDay, anExchange, someAccounts, someEvents } from './page-facts.ts';

it('preview', async () => {
  const fake = fakeView(someAccounts(), {
    history: () => aDay(),
    events: () => someEvents(),
    exchange: () => anExchange(),
  });
  const { url } = await serve(fake);
  const context = await chromium.launchPersistentContext(mkdtempSync('/tmp/chr-'), {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await context.newPage();
  page.on('console', (m) => console.log('console', m.text()));
  page.on('pageerror', (e) => console.log('error', e));
  for (const [name, width, height, scheme] of [
    ['light', 1440, 900, 'light'],
    ['dark', 1440, 900, 'dark'],
    ['phone', 390, 844, 'light'],
    ['phone-dark', 390, 844, 'dark'],
    ['mid', 1024, 768, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.goto(url);
    await page.waitForSelector('tbody tr', { timeout: 5000 });
    await page.screenshot({ path: `/tmp/shot-${name}.png`, fullPage: true });
    await page.goto(`${url}#/account/trunk-berlin`);
    await page.waitForSelector('.ladder', { timeout: 5000 });
    await page.click('.ladder summary >> nth=2');
    await page.screenshot({ path: `/tmp/shot-${name}-detail.png`, fullPage: true });
  }
  await context.close();
}, 60000);
