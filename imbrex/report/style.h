// How the page looks, and the little that it does by itself: it marks the lines that belong together.
#pragma once

namespace imbrex::report {

inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #24262b; --soft: #6a6f78; --rule: #e3e1da;
  --link: #2f5d9b; --mark: #fff0bf; --hot: #b4412f; --good: #2d7a4f; --note: #f4f1e8; --bar: #b9c7dc; --lost: #d9796a;
  --t0: #a9c7ea; --t1: #f2cf94; --t2: #b5dcb3; --t3: #d8bfe8; --t4: #a6dbdc; --t5: #efb9c4; }
@media (prefers-color-scheme: dark) { :root { --paper: #17191d; --card: #1e2126; --ink: #dfe1e5; --soft: #9299a5; --rule: #32363d;
  --link: #8db4ea; --mark: #4b4222; --hot: #ef8f7e; --good: #7fcb9f; --note: #262a30; --bar: #3d516f; --lost: #9b4b3f;
  --t0: #34567f; --t1: #7b5c27; --t2: #3b6a3b; --t3: #5f4575; --t4: #2d6668; --t5: #7a3f4c; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.2rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre, .code, svg text { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
header, section, footer, nav div { max-width: 1720px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; }
h1 { font-size: clamp(1.25rem, 5.6vw, 1.75rem); font-weight: 600; letter-spacing: -.01em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.12rem; font-weight: 600; margin: 2.6rem 0 .7rem; }
h3 { font-size: .95rem; font-weight: 600; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 78ch; }
.soft, footer, figcaption, .legend { color: var(--soft); }
footer { padding-top: 3rem; padding-bottom: 3rem; font-size: .85rem; }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper); border-bottom: 1px solid var(--rule); margin-top: 1.2rem; }
nav div { padding-top: .55rem; padding-bottom: .55rem; display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; font-size: .88rem; }
.facts { display: flex; flex-wrap: wrap; gap: .6rem 2.4rem; margin: 1.3rem 0 0; }
.facts div { min-width: 7rem; }
.facts b { display: block; font-size: 1.18rem; font-weight: 600; }
.facts div > span { color: var(--soft); font-size: .85rem; }
.proven { color: var(--good); } .refused { color: var(--hot); }
.panels { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) minmax(0, 1.15fr); gap: 12px; }
.panels.one { grid-template-columns: minmax(0, 1100px); }
@media (max-width: 1100px) { .panels { grid-template-columns: minmax(0, 1fr); } }
.panel { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; overflow: hidden; }
.panel > h3 { margin: 0; padding: .5rem .8rem; border-bottom: 1px solid var(--rule); font-size: .85rem; overflow-wrap: anywhere; }
.panel > h3 span { color: var(--soft); font-weight: 400; }
.code { font-size: 12px; line-height: 1.5; max-height: min(80vh, 54rem); overflow: auto; padding: .4rem 0; container-type: inline-size; }
.code h4 { margin: .5rem .8rem .3rem; font: 600 11.5px/1.4 system-ui, sans-serif; color: var(--soft); overflow-wrap: anywhere; }
.lines { width: max-content; min-width: 100%; }
.l { display: flex; white-space: pre; padding-right: 1rem; }
.l > a { flex: none; color: var(--soft); opacity: .75; }
.l > .n { width: 3.4em; text-align: right; padding-right: .5em; }
.l > .j { width: 1.3em; text-align: center; color: var(--link); }
.l.frame code { opacity: .5; }
.l.gap { color: var(--soft); padding-left: 3.4em; }
.fold > summary { padding-left: 4.7em; color: var(--soft); cursor: pointer; font: 11.5px/1.7 system-ui, sans-serif; }
.l:target, .l.on { background: var(--mark); }
.l.to code { cursor: pointer; }
.note { margin: .1rem 1rem .3rem 5.2em; font: 12.5px/1.45 system-ui, sans-serif; background: var(--note); border-left: 3px solid var(--link);
  border-radius: 0 5px 5px 0; padding: .15rem .6rem; max-width: min(40rem, calc(100cqw - 6.5em)); white-space: normal; position: sticky; left: 5.2em; width: fit-content; }
.note.error { border-color: var(--hot); } .note.kept { border-color: var(--lost); }
.note summary { cursor: pointer; } .note:target { outline: 2px solid var(--link); }
.note ul { margin: .2rem 0 .3rem; padding-left: 1.1rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; margin: .4rem 0 1rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--rule); padding: .25rem 1.4rem .25rem 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--rule); padding: .25rem 1.4rem .25rem 0; vertical-align: top; }
td.refused, td.proven { white-space: nowrap; }
td.r, th.r { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.total td { font-weight: 600; border-bottom: 0; }
.bar { display: flex; width: 190px; height: .8em; margin-top: .35em; border-radius: 3px; overflow: hidden; }
.bar i { background: var(--bar); } .bar i + i { background: var(--lost); }
ul.choices { list-style: none; padding: 0; margin: 0; columns: 2 26rem; column-gap: 2.5rem; font-size: .88rem; }
ul.choices li { padding: .15rem 0; break-inside: avoid; }
.diagnostic { max-width: 1100px; background: var(--card); border: 1px solid var(--rule); border-left: 4px solid var(--hot); border-radius: 0 8px 8px 0; padding: .8rem 1.1rem; margin: 0 0 1.1rem; }
.diagnostic.warning { border-left-color: var(--t1); } .diagnostic p { max-width: none; } .diagnostic .message { font-weight: 600; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem 3rem; }
figure { margin: .8rem 0 .4rem; max-width: 100%; overflow-x: auto; }
figcaption { font-size: .88rem; margin-top: .3rem; }
.legend { list-style: none; padding: 0; margin: .3rem 0 0; font-size: .85rem; }
.legend b { color: var(--ink); font-weight: 600; }
.swatch { display: inline-block; width: .95em; height: .95em; border-radius: 3px; vertical-align: -.1em; margin-right: .5em; }
svg { display: block; }
.grid .element { fill: var(--card); stroke: var(--rule); } .grid .touch { stroke: var(--paper); } .grid path.touch { stroke: none; }
.grid .fault { fill: none; stroke: var(--hot); stroke-width: 2.5; } .grid text { font-size: 11px; fill: var(--soft); }
.grid text.inside { fill: var(--ink); }
.t0 { fill: var(--t0); background: var(--t0); } .t1 { fill: var(--t1); background: var(--t1); } .t2 { fill: var(--t2); background: var(--t2); }
.t3 { fill: var(--t3); background: var(--t3); } .t4 { fill: var(--t4); background: var(--t4); } .t5 { fill: var(--t5); background: var(--t5); }
.swatch.fault { border: 2px solid var(--hot); }
.graph rect { fill: var(--card); stroke: var(--rule); stroke-width: 1.2; } .graph text { text-anchor: middle; font-size: 12.5px; fill: var(--ink); }
.graph .caption { font-size: 11px; fill: var(--soft); } .graph .bytes { text-anchor: start; font-size: 11px; fill: var(--soft); stroke: var(--paper); stroke-width: 4px; paint-order: stroke; }
.graph path { fill: none; stroke: var(--soft); stroke-width: 1.2; } .graph path.order { stroke-dasharray: 4 3; } marker path { fill: var(--soft); stroke: none; }
)css";

// Lines name those that they come from: the C++ the optimized program's, and these the author's.
inline constexpr const char* kScript = R"js(
(() => {
  const links = new Map();
  const link = (a, b) => { if (!links.has(a)) links.set(a, new Set()); links.get(a).add(b); };
  const lines = document.querySelectorAll('.l[id]');
  for (const line of lines)
    for (const from of (line.dataset.from || '').split(' ').filter(Boolean)) {
      link(line.id, from);
      link(from, line.id);
    }
  // From a line over the optimized program to the others: never down again on the side that one came from.
  const related = id => {
    const found = new Set([id]);
    for (const near of links.get(id) || []) {
      found.add(near);
      if (id[0] !== 'o') for (const far of links.get(near) || []) if (far[0] !== id[0]) found.add(far);
    }
    return found;
  };
  let marked = [];
  const mark = (id, scrolls) => {
    marked.forEach(line => line.classList.remove('on'));
    marked = [...related(id)].map(each => document.getElementById(each)).filter(Boolean);
    marked.forEach(line => line.classList.add('on'));
    if (!scrolls) return;
    const seen = new Set([document.getElementById(id).closest('.code')]);
    for (const line of document.querySelectorAll('.l.on')) {
      const box = line.closest('.code');
      if (seen.has(box)) continue;
      seen.add(box);
      box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
    }
  };
  for (const line of lines) {
    if (!links.has(line.id)) continue;
    line.classList.add('to');
    line.addEventListener('mouseenter', () => mark(line.id, false));
    line.addEventListener('click', event => { if (!event.target.closest('a')) mark(line.id, true); });
  }
  const follow = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let each = target; each; each = each.parentElement) if (each.matches('details')) each.open = true;
    if (target && links.has(target.id)) mark(target.id, true);
  };
  addEventListener('hashchange', follow);
  follow();
})();
)js";

}  // namespace imbrex::report
