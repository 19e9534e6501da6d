// Files that are mount points themselves: Kubernetes' subPath, and bind mounts of one file. Such a mount holds on to the
// old file for ever when a renewal replaces it by another, so a new certificate never arrives. Linux only.

import { readFile, realpath, stat } from 'node:fs/promises';

/** Those of `paths` (absolute) that are files and mounts of their own, as far as the table of mounts tells. */
export async function singleFileMounts(
  paths: readonly string[],
  mountTable = '/proc/self/mountinfo',
): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  const points = new Set(await mountPointsIn(mountTable));
  const found = await Promise.all(
    paths.map(async (path) => ((await isMountedFile(path, points)) ? [path] : [])),
  );
  return found.flat();
}

async function mountPointsIn(mountTable: string): Promise<readonly string[]> {
  try {
    return mountPoints(await readFile(mountTable, 'utf8'));
  } catch {
    // No Linux, or no /proc: it cannot be told, and nothing depends on it.
    return [];
  }
}

async function isMountedFile(path: string, points: ReadonlySet<string>): Promise<boolean> {
  try {
    const target = await realpath(path);
    return points.has(target) && (await stat(target)).isFile();
  } catch {
    // What is wrong with the file is told by whoever reads it.
    return false;
  }
}

/** The mount points in /proc/self/mountinfo (proc_pid_mountinfo(5)), unescaped. */
function mountPoints(mountinfo: string): readonly string[] {
  return mountinfo
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}
