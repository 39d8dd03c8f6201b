# SPDX-License-Identifier: MIT
"""How the page looks: light and dark, on a screen of any width, and on paper."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f8fa;--ink:#1f2328;--soft:#59636e;
--rule:#d1d9e0;--c0:#0969da;--c1:#d1570a;--good:#1a7f37;--bad:#cf222e;--busy:#0969da}
@media(prefers-color-scheme:dark){:root{--paper:#0d1117;--card:#151b23;--ink:#e6edf3;
--soft:#9198a1;--rule:#343b45;--c0:#4493f8;--c1:#f0883e;--good:#3fb950;--bad:#f85149;
--busy:#4493f8}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:76rem;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:0 .75rem .25rem 0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
h3{font-size:.95rem;margin:0;overflow-wrap:anywhere}
header{display:flex;flex-wrap:wrap;align-items:center}
.state{border:1px solid;border-radius:1rem;padding:.05rem .7rem;font-size:.85rem;
font-weight:600}
.running{color:var(--busy)}.finished{color:var(--good)}.failed,.interrupted{color:var(--bad)}
.lead{flex-basis:100%;color:var(--soft);margin:.25rem 0 0}
.charts{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));
margin-top:1.5rem}
figure{margin:0;padding:.8rem .9rem .6rem;background:var(--card);border:1px solid var(--rule);
border-radius:.5rem;min-width:0}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;
margin-bottom:.4rem}
.key{font-size:.85rem;color:var(--soft)}
.key span{margin-left:.9rem;white-space:nowrap}
.key i{display:inline-block;width:.9rem;height:3px;border-radius:2px;margin-right:.35rem;
vertical-align:middle}
i.c0{background:var(--c0)}i.c1{background:var(--c1)}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.grid{stroke:var(--rule);stroke-width:1}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line.c0{stroke:var(--c0)}.line.c1{stroke:var(--c1)}
.dot.c0{fill:var(--c0)}.dot.c1{fill:var(--c1)}
.wide{overflow-x:auto}
.pair{display:grid;gap:0 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}
.pair>section{min-width:0}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.28rem .8rem .28rem 0;border-bottom:1px solid var(--rule);
vertical-align:top}
td{overflow-wrap:anywhere}
th{font-weight:500}thead th{color:var(--soft);font-weight:500}
.numbers th:not(:first-child),.numbers td{text-align:right;padding:.28rem 0 .28rem .9rem;
white-space:nowrap;overflow-wrap:normal}
.numbers th:first-child{min-width:7rem;overflow-wrap:anywhere}
.facts th{width:12rem;max-width:45vw;font-weight:500;color:var(--soft);overflow-wrap:anywhere}
small{color:var(--soft);font-size:.8rem}
details{margin-top:2.2rem}
summary{cursor:pointer;font-size:1.1rem;font-weight:600}
@media(max-width:40rem){body{font-size:14px;padding:1rem .75rem 2rem}.facts th{width:10rem}
small{display:block}}
@media print{body{max-width:none}figure,table{break-inside:avoid}}
"""
