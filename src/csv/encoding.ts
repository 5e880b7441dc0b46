/**
 * Tells from the first bytes of a file that it is not UTF-8. Spreadsheets save "Unicode text" as UTF-16, and
 * older ones save CSV in the code page of the machine.
 */
import type { FileHandle } from 'node:fs/promises';

const LOOKED_AT = 4_096;
/** Of the bytes of a text that is mostly Latin letters, every second one is zero in UTF-16. */
const SHARE_OF_ZEROS = 0.2;

type Encoding = 'UTF-16LE' | 'UTF-16BE' | 'UTF-32';

/** Why the file cannot be read, with the command that converts it; null = it may be UTF-8, or is read as it is. */
export async function encodingProblem(handle: FileHandle): Promise<string | null> {
  const found = encodingOf(await firstBytes(handle));
  if (found === null) return null;
  return (
    `the file is ${found}, expected UTF-8: save it as "CSV UTF-8", or convert it: ` +
    `iconv -f ${found} -t UTF-8 OLD.csv > NEW.csv`
  );
}

async function firstBytes(handle: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(LOOKED_AT);
  const { bytesRead } = await handle.read(bytes, 0, LOOKED_AT, 0);
  return bytes.subarray(0, bytesRead);
}

/* UTF-16LE with a byte order mark is read as it is (csv-parse knows it). */
function encodingOf(bytes: Buffer): Encoding | null {
  const mark = bytes.subarray(0, 4).toString('hex');
  if (mark === 'fffe0000' || mark === '0000feff') return 'UTF-32';
  if (mark.startsWith('fffe')) return null;
  if (mark.startsWith('feff')) return 'UTF-16BE';
  const zeros = { even: 0, odd: 0 };
  for (const [index, byte] of bytes.entries()) {
    if (byte === 0) zeros[index % 2 === 0 ? 'even' : 'odd'] += 1;
  }
  if (zeros.even + zeros.odd <= bytes.length * SHARE_OF_ZEROS) return null;
  return zeros.even > zeros.odd ? 'UTF-16BE' : 'UTF-16LE';
}
