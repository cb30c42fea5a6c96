/**
 * Pages that are written by hand: findings, each with what the checker says of it, decisions, and guides.
 *
 * @module
 */
import { tours } from '../../spec/tours/index.js'
import { documentAddress } from './addresses.js'
import type { Document } from './data.js'
import { ExploreLink, Html, type Page, type Site, subjectOf, Title, To } from './layout.js'
import { TourSection } from './tours.js'

/** The pages of all documents. */
export function documentPages(site: Site): Page[] {
  return site.data.documents.map((document) => {
    const isFinding = document.file.startsWith('findings/')
    return {
      url: documentAddress(document.file),
      title: document.title,
      kind: isFinding
        ? 'finding'
        : document.file.startsWith('decisions/')
          ? 'decision'
          : document.file.startsWith('reference/')
            ? 'reference'
            : 'guide',
      text: plain(document.text),
      body: isFinding ? (
        <FindingBody site={site} document={document} />
      ) : (
        <Html class="prose" html={site.markdown.page(document.text, document.file)} />
      ),
    }
  })
}

/** A document's words without its marks. */
function plain(text: string): string {
  return text.replace(/<!--.*?-->|<a id="[^"]*"><\/a>/gs, '').replace(/[`*_#|>[\]()-]+/g, ' ')
}

function FindingBody({ site, document }: { site: Site; document: Document }) {
  const name = document.file.replace(/^findings\/|\.md$/g, '')
  const [head, ...rest] = document.title.split(': ')
  const defect = site.data.defects.find((one) => one.name === name)
  const trace = site.data.evidence?.defects?.defects.find((one) => one.name === name)?.trace
  const tour = tours.find(({ finding }) => finding === name)
  const text = document.text.replace(/^# .*$/m, '')
  return (
    <>
      <Title kind="Finding" name={head} {...(rest.length === 0 ? {} : { title: rest.join(': ') })} />
      {defect === undefined ? null : (
        <p>
          As the checker has it: defect <To kind="defect" name={name} />, which breaks{' '}
          <To kind="requirement" name={defect.requirement} /> in <To kind="scenario" name={defect.scenario} />{' '}
          after {defect.steps} steps.
        </p>
      )}
      {defect === undefined ? null : (
        <ExploreLink site={site} subject={subjectOf(defect)} steps={trace?.steps ?? []} kind={trace?.kind} />
      )}
      {tour === undefined ? null : <TourSection site={site} tour={tour} />}
      <Html class="prose" html={site.markdown.page(text, document.file)} />
    </>
  )
}
