/** A file that was dropped on one page for another to upload: an address cannot carry it. Taken once. */
let handed: File | undefined;

export function handFile(file: File): void {
  handed = file;
}

export function takeFile(): File | undefined {
  const file = handed;
  handed = undefined;
  return file;
}
