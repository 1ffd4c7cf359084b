/** The report's style: light and dark, screen and paper. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c2126; --soft: #5b6670; --line: #dfe4e8; --shade: #f5f7f9; --accent: #1f5fbf;
  --human: #0b6e4f; --human-shade: #e2f5ee; --machine: #7a4b00; --machine-shade: #fdf1dc; --unclear-shade: #eceff2;
  --s0: #c8432f; --s1: #2f6fc8; --s2: #c98a14; --s3: #2f8f5b; --s4: #7d4fc0; --s5: #1d8f9a; --s6: #b0487f; --s7: #7a8691;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181c; --ink: #e6eaed; --soft: #9aa6b0; --line: #2d353c; --shade: #1b2126; --accent: #7fb2ff;
    --human: #6fd3ab; --human-shade: #123428; --machine: #f0bf6b; --machine-shade: #3a2a10; --unclear-shade: #262d33;
    --s0: #f0806d; --s1: #7fb0f5; --s2: #e8b75a; --s3: #6cc796; --s4: #b593ea; --s5: #5cc6d0; --s6: #e08cb8; --s7: #9aa6b0;
  }
}
* { box-sizing: border-box }
html { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
body { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft); margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 3rem 0 .4rem; line-height: 1.3 }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem; overflow-wrap: anywhere }
p { margin: .25rem 0 .75rem; max-width: 48rem }
.conclusion { font-size: 1.75rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; margin: 0 0 .75rem; text-wrap: balance }
ul.short { margin: 0 0 .75rem; padding-left: 1.2rem; max-width: 48rem }
.note, .log { color: var(--soft); font-size: .9rem }
.warning { border-left: 4px solid var(--s2); padding: .25rem 0 .25rem .75rem; font-weight: 600 }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.75rem 0 0 }
dl.figures div { background: var(--shade); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; display: flex; flex-direction: column; justify-content: space-between }
dl.figures dt { color: var(--soft); font-size: .85rem }
dl.figures dd { margin: 0; font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums }
figure { margin: .75rem 0 0; overflow-x: auto }
svg { display: block; width: 100%; min-width: 38rem; height: auto }
svg text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: var(--soft) }
.grid { stroke: var(--line); stroke-width: 1 }
.traffic { fill: var(--line); opacity: .6 }
.curve { fill: none; stroke: var(--accent); stroke-width: 2 }
line.present { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 4 4 }
line.suggested { stroke: var(--s3); stroke-width: 2 }
svg text.mark { font-weight: 600; fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
svg text.mark.suggested { fill: var(--s3) }
.s0 { fill: var(--s0); background: var(--s0) } .s1 { fill: var(--s1); background: var(--s1) }
.s2 { fill: var(--s2); background: var(--s2) } .s3 { fill: var(--s3); background: var(--s3) }
.s4 { fill: var(--s4); background: var(--s4) } .s5 { fill: var(--s5); background: var(--s5) }
.s6 { fill: var(--s6); background: var(--s6) } .s7 { fill: var(--s7); background: var(--s7) }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 0; padding: 0; font-size: .9rem }
ul.legend i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .4rem; vertical-align: -1px }
.wide { overflow-x: auto; margin-top: .75rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line) }
thead th { color: var(--soft); font-weight: 500; white-space: nowrap }
tbody th { font-weight: 600 }
th.count, td.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.name, th.name { white-space: nowrap; font-variant-numeric: tabular-nums }
.small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); overflow-wrap: anywhere }
td ul { margin: 0 0 .25rem; padding: 0; list-style: none; min-width: 18rem }
td li { display: flex; gap: .5rem }
td li b { flex: 0 0 2.2rem; text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; color: var(--soft) }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .6rem; font-size: .85rem; white-space: nowrap; background: var(--unclear-shade) }
.badge.human { background: var(--human-shade); color: var(--human) }
.badge.automated { background: var(--machine-shade); color: var(--machine) }
meter { width: 6rem; height: .7rem; vertical-align: middle }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere }
.method { color: var(--soft); font-size: .9rem }
.method ul { padding-left: 1.2rem; margin: .25rem 0 }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem }
  .conclusion { font-size: 1.35rem }
  svg { min-width: 34rem }
  svg text { font-size: 16px }
  thead { display: none }
  table, tbody, tr, tbody th, td { display: block; width: 100% }
  tr { border-bottom: 1px solid var(--line); padding: .6rem 0 }
  tbody th, td, th.count, td.count { border: 0; padding: .1rem 0; text-align: left; white-space: normal }
  td { display: flex; gap: .75rem }
  td::before { content: attr(data-label); flex: 0 0 7rem; color: var(--soft) }
  td.tall { display: block }
  td ul { min-width: 0 }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --shade: #fff }
  body { max-width: none; padding: 0; font-size: 11px }
  h2 { break-after: avoid; margin-top: 1.5rem }
  figure, tr, dl.figures div { break-inside: avoid }
  thead { display: table-header-group }
  .wide { overflow: visible }
  svg rect, svg line, svg polyline, .badge, ul.legend i { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
`
