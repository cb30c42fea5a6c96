import { describe, expect, test } from 'vitest'
import { compact, ShortClasses } from '../../docs/pages/compact.js'

describe('a page in fewer bytes', () => {
  test('loses end tags only where the next tag implies them', () => {
    expect(
      compact('<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>'),
    ).toBe('<table><thead><tr><th>a<tbody><tr><td>b</table>')
    expect(compact('<p>one</p><p>two</p>three')).toBe('<p>one<p>two</p>three')
    expect(compact('<a><p>one</p></a>')).toBe('<a><p>one</p></a>')
    expect(compact('<ul><li>one</li><li>two</li></ul>')).toBe('<ul><li>one<li>two</ul>')
  })

  test('loses quotes only where nothing needs them, and no slash of an address', () => {
    expect(compact('<a class="x" href="a b">t</a><link href="a/b.css"/>')).toBe(
      '<a class=x href="a b">t</a><link href="a/b.css">',
    )
    expect(compact('<circle r="4"/>')).toBe('<circle r="4"/>')
    expect(compact('<a href="../a/b.html">t</a><a href="../c/b.html">t</a>', 'a')).toBe(
      '<a href=b.html>t</a><a href=../c/b.html>t</a>',
    )
    expect(compact('<pre>class="x" &lt;/td></pre>')).toBe('<pre>class="x" &lt;/td></pre>')
  })

  test('names typedoc’s classes alike in pages and in style sheets', () => {
    const page = '<b class="tsd-a own">x</b><i class=tsd-b>y</i><i class=tsd-b>z</i>'
    const classes = new ShortClasses([page])
    expect(classes.inMarkup(page)).toBe('<b class="t1 own">x</b><i class=t0>y</i><i class=t0>z</i>')
    expect(classes.inStyles('.tsd-a:hover > .tsd-b, .tsd-ab, .tsd-c {}')).toBe(
      '.t1:hover > .t0, .tsd-ab, .tsd-c {}',
    )
  })
})
