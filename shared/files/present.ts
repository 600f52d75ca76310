import { stat } from 'node:fs/promises';

/** Whether anything is at a path, links followed. */
export async function exists(path: string): Promise<boolean> {
  return (await statOf(path)) !== null;
}

/** Whether a path is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() === true;
}

function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | null> {
  return stat(path).catch(() => null);
}
