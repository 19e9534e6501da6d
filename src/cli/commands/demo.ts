import type { Output } from '../output.ts';
export async function demo(_output: Output): Promise<number> {
  return 0;
}
