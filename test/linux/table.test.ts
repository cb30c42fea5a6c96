import { expect, test } from 'vitest'
import { generationNames } from '../../src/generations/index.js'
import { kernelProfiles } from '../../src/generations/profiles.js'
import { releases } from '../../src/generations/releases.js'
import { interfaceChanges } from '../../src/linux/interface.js'
import { linuxRelease, linuxReleases } from '../../src/linux/table.js'

test.each([
  ['4.14', '4.14'],
  ['4.18', '4.17'],
  ['5.7', '5.6'],
  ['6.0', '5.8'],
  ['6.8', '6.8'],
  ['v6.8.12', '6.8'],
  ['6.10', '6.8'],
  ['6.20', '6.19'],
  ['7.1.4', '7.1'],
  ['7.2', '7.2'],
  ['7.3', '7.3'],
])('%s is as %s', (asked, version) => {
  expect(linuxRelease(asked).version).toBe(version)
})

test.each([
  ['7.4', /later than what is known here; known are 4\.14, .*, 7\.3/],
  ['8.0', /later than/],
  ['4.13', /has no HMM; known are/],
  ['6', /6 is no release of Linux/],
  ['latest', /is no release/],
])('%s is an error that says what is known', (asked, message) => {
  expect(() => linuxRelease(asked)).toThrow(message)
})

test('each release names an API, a fault and a recording that are there, none later than itself', () => {
  const place = (version: string) => {
    const [major, minor] = version.split('.').map(Number)
    return major * 1000 + minor
  }
  const faults = kernelProfiles.map(({ name }) => name)
  for (const [i, release] of linuxReleases.entries()) {
    if (i > 0) expect(place(linuxReleases[i - 1].version)).toBeLessThan(place(release.version))
    if (release.generation !== undefined) expect(generationNames).toContain(release.generation)
    expect(faults).toContain(release.faults)
    expect(place(release.faults)).toBeLessThanOrEqual(place(release.version))
    // The nearest that is not later.
    const nearest = Object.keys(releases).findLast((known) => place(known) <= place(release.version))
    expect(release.recorded).toBe(nearest)
    expect(release.faults).toBe(faults.findLast((known) => place(known) <= place(release.version)))
  }
})

test('a change of the interface names a release that is known, or none', () => {
  const known = linuxReleases.map(({ version }) => version)
  for (const { release } of interfaceChanges) if (release !== undefined) expect(known).toContain(release)
})
