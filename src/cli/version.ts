// The version of this build; the bundler puts it in from package.json.

declare const __SIPREG_VERSION__: string;

export const VERSION: string =
  typeof __SIPREG_VERSION__ === 'undefined' ? '0.0.0-source' : __SIPREG_VERSION__;

/** The User-Agent of accounts that set none (RFC 3261 §20.41). */
export const PRODUCT = `sipreg/${VERSION}`;
