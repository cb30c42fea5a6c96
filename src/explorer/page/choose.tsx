/**
 * What is explored: scenario, release, defect, bounds, parameters.
 *
 * @module
 */

import type { Bounds } from '../../world/model.js'
import { BOUNDS } from '../address.js'
import type { Brought } from '../messages.js'
import type { Catalogue, Subject } from '../subject.js'

/** Properties of {@link Choose}. */
export interface ChooseProps {
  readonly catalogue: Catalogue
  readonly subject: Subject
  readonly choose: (subject: Subject) => void
  /** The driver that was brought. */
  readonly brought: Brought | undefined
}

/** A subject without what is empty. */
function subjectOf(
  scenario: string,
  bounds: Bounds,
  set: Subject['set'],
  release: string,
  defect: string,
): Subject {
  return {
    scenario,
    bounds,
    set,
    ...(release === '' ? {} : { release }),
    ...(defect === '' ? {} : { defect }),
  }
}

/** The fields that choose what is explored. */
export function Choose({ catalogue, subject, choose: chooseIn, brought }: ChooseProps) {
  const { driver } = subject
  // With a driver of the reader's there are its scenarios, and neither releases nor defects.
  const choose = (next: Subject) => chooseIn(driver === undefined ? next : { ...next, driver })
  const scenarios =
    driver === undefined
      ? catalogue.scenarios
      : catalogue.scenarios.filter(({ name }) => brought?.scenarios.includes(name))
  const { scenario, bounds, set, release = '', defect = '' } = subject
  const chosen = catalogue.scenarios.find(({ name }) => name === scenario)
  const releases =
    driver !== undefined ? [] : catalogue.releases.filter(({ name }) => chosen?.releases.includes(name))
  const parameters = Object.entries(chosen?.parameters ?? {})
  const [here, elsewhere] = [true, false].map((isHere) =>
    catalogue.defects.filter((one) => (one.scenario === scenario) === isHere),
  )
  const chooseDefect = (name: string) => {
    const its = catalogue.defects.find((one) => one.name === name)
    if (its === undefined) choose(subjectOf(scenario, bounds, set, release, ''))
    // A defect is shown where it is known to be seen.
    else choose(subjectOf(its.scenario, 'smoke', its.set, its.release ?? '', name))
  }
  const option = ({ name, title }: { name: string; title: string }) => (
    <option key={name} value={name}>
      {`${name}: ${title}`}
    </option>
  )
  return (
    <div class="choose">
      <label>
        <span>Scenario</span>
        <select
          id="scenario"
          value={scenario}
          onChange={({ currentTarget }) => choose(subjectOf(currentTarget.value, bounds, {}, '', ''))}
        >
          {scenarios.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {driver !== undefined ? null : (
        <label>
          <span>Defect</span>
          <select
            id="defect"
            value={defect}
            onChange={({ currentTarget }) => chooseDefect(currentTarget.value)}
          >
            <option value="">none</option>
            {here.length === 0 ? null : <optgroup label="seen in this scenario">{here.map(option)}</optgroup>}
            <optgroup label="seen in others">{elsewhere.map(option)}</optgroup>
          </select>
        </label>
      )}
      {releases.length === 0 ? null : (
        <label>
          <span>Release</span>
          <select
            id="release"
            value={release}
            onChange={({ currentTarget }) =>
              choose(subjectOf(scenario, bounds, set, currentTarget.value, defect))
            }
          >
            <option value="">the reference</option>
            {releases.map(({ name, kernels }) => (
              <option key={name} value={name}>
                {`${name} (Linux ${kernels})`}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        <span>Bounds</span>
        <select
          id="bounds"
          value={bounds}
          onChange={({ currentTarget }) =>
            choose(subjectOf(scenario, currentTarget.value as Bounds, {}, release, defect))
          }
        >
          {BOUNDS.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {parameters.map(([name, parameter]) => (
        <label key={name} title={parameter.summary}>
          <span>{name}</span>
          <input
            type="number"
            min={parameter.min}
            max={parameter.max}
            value={set[name] ?? parameter[bounds]}
            onChange={({ currentTarget }) => {
              const value = currentTarget.valueAsNumber
              const isOne = Number.isInteger(value) && value >= parameter.min && value <= parameter.max
              if (!isOne) currentTarget.value = String(set[name] ?? parameter[bounds])
              else choose(subjectOf(scenario, bounds, { ...set, [name]: value }, release, defect))
            }}
          />
        </label>
      ))}
    </div>
  )
}
