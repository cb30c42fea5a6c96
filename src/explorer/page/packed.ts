/**
 * Files that are packed with gzip, whatever their names say, and are unpacked here.
 *
 * @module
 */

/**
 * Loads and unpacks a file.
 *
 * @throws Error if it cannot be loaded
 */
export async function unpacked(url: string): Promise<Response> {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`${url} cannot be loaded (${response.status})`)
  return new Response(response.body.pipeThrough(new DecompressionStream('gzip')))
}
