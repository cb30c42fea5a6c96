/**
 * How a review looks: colours for day and night, in one file, for screens of any width and for paper.
 *
 * @module
 */

/** The style sheet. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1b1f24, #e3e6ea); --soft: light-dark(#525b66, #a7b0bb); --ground: light-dark(#ffffff, #14171b);
  --raised: light-dark(#f4f6f8, #1d2228); --edge: light-dark(#d3d9e0, #363d46); --link: light-dark(#0b5cad, #7db8f5);
  --good: light-dark(#1a6b35, #6fcf8d); --bad: light-dark(#b3261e, #ff8a80); --warn: light-dark(#8a5a00, #f0b95a);
  --window: light-dark(#2b6cb0, #63a4e6); --lock: light-dark(#b7791f, #d9a441);
  --added: light-dark(#e3f5e8, #16331f); --removed: light-dark(#fdeaea, #3d1d1d);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 1rem 1rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--edge) }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; overflow-wrap: anywhere }
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere }
a { color: var(--link); text-underline-offset: .15em }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem }
code { overflow-wrap: anywhere }
h1 code { font-size: 1.45rem } h3 code { font-size: 1rem }
.soft { color: var(--soft) } p.breach { color: var(--bad) }
.verdict { border-left: .4rem solid var(--edge); background: var(--raised); padding: .7rem 1rem; margin: 1rem 0 }
.verdict strong { font-size: 1.1rem }
.verdict p { margin: .2rem 0 }
.verdict.holds { border-color: var(--good) } .verdict.broken, .verdict.error { border-color: var(--bad) }
.verdict.incomplete { border-color: var(--warn) }
.word { font-weight: 700; letter-spacing: .03em }
.holds .word { color: var(--good) } .broken .word, .error .word { color: var(--bad) } .incomplete .word { color: var(--warn) }
.wide { overflow-x: auto; border: 1px solid var(--edge); border-radius: .3rem; margin: .6rem 0 }
.wide:focus-visible { outline: 2px solid var(--link) }
pre { margin: 0; padding: .6rem .8rem; line-height: 1.45; background: var(--raised); width: max-content; min-width: 100% }
pre .a { background: var(--added); display: block } pre .r { background: var(--removed); display: block }
pre .n { display: block }
table { border-collapse: collapse; width: 100%; font-size: .95rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem; border-top: 1px solid var(--edge) }
tr:first-child > th { border-top: 0 }
th { background: var(--raised); font-weight: 600; white-space: nowrap }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td a, td code { white-space: nowrap } table.clauses { min-width: 56rem }
details { margin: .6rem 0 } summary { cursor: pointer; padding: .2rem 0 }
ul { padding-left: 1.2rem; max-width: 46rem } li { overflow-wrap: anywhere }
svg.sequence { display: block; margin: .5rem; font: 13px system-ui, sans-serif }
.sequence .line { stroke: var(--soft) } .sequence .ghost, .sequence .number { fill: var(--soft) }
.sequence .number { text-anchor: end } .sequence .small { font: 12px ui-monospace, monospace }
.sequence .lock { fill: var(--lock) } .sequence .window { fill: var(--window) }
.sequence .handed { stroke: var(--lock); fill: none } .sequence .breach { fill: var(--bad); font-weight: 600 }
@media print { .wide { overflow: visible; border: 0 } details > * { display: block } h2 { break-after: avoid } }
`
