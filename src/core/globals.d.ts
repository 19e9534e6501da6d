// The only host globals that the core may use. Anything else (Buffer, setTimeout, process) does not
// compile here, because src/core/tsconfig.json loads no types: what a machine needs comes in as an argument.

declare class TextEncoder {
  encode(text: string): Uint8Array;
  encodeInto(text: string, bytes: Uint8Array): { readonly written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { readonly stream?: boolean }): string;
}
