/** The style sheet of a report: light and dark, for screens of any width and for paper. */
export const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --ink: light-dark(#1b1b1f, #e8e8ec); --paper: light-dark(#fff, #17171a);
  --pale: light-dark(#d9d9e3, #44444f); --line: light-dark(#e6e6ec, #33333b); --accent: light-dark(#0b57a4, #8ec4ff); --quiet: light-dark(#5c5c66, #a9a9b4); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 4rem; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1rem 0 .25rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
p, li { max-width: 46rem; }
.quiet, figcaption, caption { color: var(--quiet); font-size: .875rem; }
.findings { padding: 0; list-style: none; }
.findings li { border-left: 4px solid var(--pale); padding: .25rem 0 .25rem .9rem; margin: .9rem 0; font-size: 1.1rem; }
.findings li.certain { border-color: var(--accent); }
.findings small { display: block; color: var(--quiet); font-size: .85rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem 2rem; }
.plots > * { min-width: 0; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
caption { text-align: left; padding: .25rem 0; font-weight: 600; color: var(--ink); }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem .3rem 0; border-top: 1px solid var(--line); font-weight: normal; }
thead th { color: var(--quiet); font-size: .8rem; border: 0; vertical-align: bottom; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.plot th[scope=row] { width: 40%; }
.plot td.bar { width: 42%; padding: .3rem .75rem .3rem .25rem; }
.plot tr.group th { font-weight: 600; }
.plot small { display: block; font-weight: normal; color: var(--quiet); font-size: .75rem; }
svg { display: block; width: 100%; height: 1.25rem; overflow: visible; }
svg * { vector-effect: non-scaling-stroke; stroke-linecap: butt; }
.grid { stroke: var(--line); stroke-width: 1px; }
.bounds { stroke: var(--pale); stroke-width: 9px; }
.interval { stroke: var(--accent); stroke-width: 2.5px; }
.dot { stroke: var(--accent); stroke-width: 10px; stroke-linecap: round; }
.few .interval, .few .dot { stroke: var(--quiet); }
.reference { stroke: var(--ink); stroke-width: 2px; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .25rem 0 .75rem; list-style: none; }
.key svg { display: inline-block; width: 2.5rem; height: .9rem; vertical-align: middle; margin-right: .3rem; }
.samples { display: flex; flex-wrap: wrap; gap: .5rem; margin: .25rem 0 1rem; }
.samples figure { margin: 0; width: 6.5rem; break-inside: avoid; }
.samples img, .samples .none { display: block; width: 6.5rem; height: 6.5rem; object-fit: contain; background: var(--line); }
.samples .none { display: grid; place-items: center; text-align: center; padding: .3rem; font-size: .8rem; background: none; border: 1px dashed var(--quiet); overflow: hidden; }
.samples figcaption { font-size: .72rem; line-height: 1.3; }
.wide { overflow-x: auto; }
.wide th, .wide td { overflow-wrap: normal; }
.wide tbody th { min-width: 9rem; overflow-wrap: anywhere; }
.wide code { overflow-wrap: anywhere; display: block; min-width: 12rem; }
code { font-size: .8em; }
pre { white-space: pre-wrap; padding: .75rem; border: 1px solid var(--line); }
dt { font-weight: 600; margin-top: .6rem; }
dd { margin: 0; max-width: 46rem; }
a { color: var(--accent); }
@media (max-width: 40rem) {
  body { padding: .5rem .9rem 3rem; }
  .plot thead { display: none; }
  .plot tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-top: 1px solid var(--line); padding: .3rem 0; }
  .plot th[scope=row], .plot td, .plot td.bar { border: 0; width: auto; padding: 0 .5rem 0 0; }
  .plot td.bar { grid-column: 1 / -1; grid-row: 2; padding: .2rem .5rem; }
  .samples figure, .samples img, .samples .none { width: 5.2rem; }
  .samples img, .samples .none { height: 5.2rem; }
}
@media print {
  :root { color-scheme: light; font-size: 10pt; }
  body { max-width: none; padding: 0; }
  h2, h3, caption { break-after: avoid; }
  tr, figure, .findings li { break-inside: avoid; }
  .plots { grid-template-columns: 1fr 1fr; }
  .samples figure, .samples img, .samples .none { width: 2.1cm; }
  .samples img, .samples .none { height: 2.1cm; }
  .bounds, .interval, .dot, .reference, .grid { print-color-adjust: exact; }
}
`;
