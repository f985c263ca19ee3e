import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** The headless shell first: the whole browser draws windows that nobody sees, and takes twice the processor time. */
const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
const PLACES = process.env.CHROMIUM_PATH
  ? [process.env.CHROMIUM_PATH]
  : NAMES.map((name) => `/usr/bin/${name}`);

/** The path of Chromium: CHROMIUM_PATH or a usual place; undefined if there is none. */
export const chromiumPath = (): string | undefined => PLACES.find((place) => existsSync(place));

/** Starts a browser that sends no requests of its own. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
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
