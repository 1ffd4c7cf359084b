/** The style sheet of the documentation page. */
export const docsStyle = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2330, #e6e9ef);
  --soft: light-dark(#5a6375, #a2abbd);
  --line: light-dark(#dde1e9, #333a49);
  --paper: light-dark(#ffffff, #14181f);
  --panel: light-dark(#f5f7fa, #1b212b);
  --link: light-dark(#0b57c4, #86b6ff);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; display: grid; grid-template-columns: 19rem minmax(0, 1fr); background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre { font: 0.875em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.25rem 1rem 2rem; background: var(--panel); border-right: 1px solid var(--line); font-size: 0.875rem; }
nav .product { margin: 0 0 1rem; font-size: 1.125rem; font-weight: 700; }
nav .product a { color: var(--ink); }
nav .product span { color: var(--soft); font-size: 0.75rem; font-weight: 400; }
nav h2 { margin: 1.25rem 0 0.25rem; font-size: 0.8125rem; text-transform: capitalize; }
nav h2 a { color: var(--soft); }
nav ul { margin: 0; padding: 0; list-style: none; }
nav li a { display: grid; grid-template-columns: 3.5rem 1fr; gap: 0.5rem; padding: 0.1875rem 0; color: var(--ink); }
main { max-width: 62rem; padding: 1.5rem 2rem 6rem; }
main h1 { margin-top: 0; font-size: 1.75rem; }
main section > h2, main > h2 { margin: 2.5rem 0 0.25rem; padding-bottom: 0.25rem; border-bottom: 1px solid var(--line); text-transform: capitalize; }
h4 { margin: 1.25rem 0 0.375rem; font-size: 0.9375rem; }
dt { float: left; clear: left; min-width: 9rem; }
dd { margin: 0 0 0.25rem 9.5rem; }
details { margin: 0.625rem 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--paper); }
details > div { padding: 0 1rem 1rem; scroll-margin-top: 4rem; }
summary { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.625rem; padding: 0.5625rem 0.875rem; cursor: pointer; border-radius: 0.5rem; }
summary:hover { background: var(--panel); }
summary::-webkit-details-marker { display: none; }
summary .title { color: var(--soft); }
.method { display: inline-block; min-width: 3.5rem; padding: 0.0625rem 0.25rem; border-radius: 0.25rem; background: #5a6375; color: #fff; font: 700 0.6875rem/1.6 ui-monospace, Menlo, Consolas, monospace; text-align: center; align-self: start; }
.method.get { background: #1f6f43; }
.method.post { background: #0b57c4; }
.method.put, .method.patch { background: #8a5300; }
.method.delete { background: #b3261e; }
.facts { color: var(--soft); }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; }
th, td { padding: 0.375rem 0.75rem 0.375rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: break-word; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
em { color: var(--soft); font-size: 0.8125rem; }
pre { padding: 0.75rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--panel); }
@media (max-width: 60rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem; }
}
@media print { nav { display: none; } }
`
