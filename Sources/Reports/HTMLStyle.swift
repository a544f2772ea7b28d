/// The style sheet of a report.
enum HTMLStyle {
  /// Colours first, for light, dark and paper; then the parts from top to bottom.
  ///
  /// The eight colours of curves keep apart for the common forms of colour blindness and stand at
  /// least 3:1 against their ground, or carry their numbers beside them in text.
  static let sheet = colours + page + tables + drawings

  private static let colours = """
    :root{--page:#f6f6f4;--card:#fcfcfb;--ink:#14140f;--soft:#52514e;--mute:#7d7b74;
    --rule:#e1e0d9;--base:#c3c2b7;--hit:#2a78d6;--miss:#eb6834;--warn:#fdf1dc;--warnline:#eda100;
    --c0:#2a78d6;--c1:#1baf7a;--c2:#eda100;--c3:#008300;--c4:#4a3aa7;--c5:#e34948;--c6:#e87ba4;
    --c7:#eb6834;--cx:#a3a199}
    @media screen and (prefers-color-scheme:dark){:root{--page:#0d0d0d;--card:#1a1a19;
    --ink:#f7f6f2;--soft:#c3c2b7;--mute:#918f87;--rule:#2f2f2c;--base:#45443f;--hit:#3987e5;
    --miss:#d95926;--warn:#33280f;--warnline:#c98500;--c0:#3987e5;--c1:#199e70;--c2:#c98500;
    --c3:#3f9c35;--c4:#9085e9;--c5:#e66767;--c6:#d55181;--c7:#d95926;--cx:#77756e}}

    """

  private static let page = """
    *{box-sizing:border-box}
    body{margin:0;background:var(--page);color:var(--ink);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
    font-variant-numeric:tabular-nums}
    main{max-width:1240px;margin:0 auto;padding:40px 28px 56px}
    h1{font-size:27px;line-height:1.2;font-weight:650;margin:0;letter-spacing:-.01em;
    overflow-wrap:anywhere}
    .sub{margin:6px 0 0;color:var(--soft)}
    h2{font-size:17px;font-weight:650;margin:40px 0 12px}
    h3{font-size:14px;font-weight:600;margin:20px 0 8px;color:var(--soft)}
    small{font-size:12px;color:var(--mute);font-weight:400}
    .banner{margin:16px 0 0;padding:9px 14px;border-left:3px solid var(--warnline);
    background:var(--warn);border-radius:0 6px 6px 0}
    .verdict{display:flex;flex-wrap:wrap;gap:1px;
    margin:24px 0 0;background:var(--rule);border:1px solid var(--rule);border-radius:10px;
    overflow:hidden}
    .verdict>div{flex:1 1 158px;background:var(--card);padding:13px 16px 12px}
    .verdict dt{font-size:12.5px;color:var(--soft)}
    .verdict dd{margin:1px 0 0;font-size:25px;font-weight:600;letter-spacing:-.01em;line-height:1.3}
    .verdict small{display:block;letter-spacing:0}
    .facts{margin:0;display:grid;grid-template-columns:max-content 1fr}
    .facts>div{display:contents}
    .facts dt,.facts dd{padding:6px 0;border-bottom:1px solid var(--rule)}
    .facts dt{color:var(--soft);padding-right:36px}
    .facts dd{margin:0;overflow-wrap:anywhere}
    pre{margin:0;padding:16px 18px;background:var(--card);border:1px solid var(--rule);
    border-radius:10px;overflow:auto;max-height:640px;
    font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
    .note{font-size:12.5px;color:var(--mute);margin:8px 0 0}
    footer{margin-top:44px;padding-top:12px;border-top:1px solid var(--rule);font-size:12.5px;
    color:var(--mute)}

    """

  private static let tables = """
    .wide{overflow-x:auto}
    table{border-collapse:collapse}
    caption{caption-side:top;text-align:left;font-size:12.5px;color:var(--mute);padding:0 0 8px}
    .plain{min-width:min(100%,420px)}
    .plain th,.plain td{padding:4px 18px 4px 0;text-align:right;font-weight:400;white-space:nowrap;
    border-bottom:1px solid var(--rule)}
    .plain th:first-child,.plain .text{text-align:left}
    .plain thead th{font-size:12.5px;color:var(--mute);border-color:var(--base)}
    .plain tfoot th,.plain tfoot td{border:0;font-weight:600}
    .plain .best{font-weight:650;color:var(--c0)}
    .plain th i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:9px}
    .confusion{display:flex;flex-wrap:wrap;gap:24px 40px;align-items:flex-start}
    .confusion>*{max-width:100%}.pairs{min-width:0}
    .heat{font-size:12.5px}
    .heat th{font-weight:400;color:var(--soft);padding:3px 8px;text-align:right;white-space:nowrap}
    .heat thead th{text-align:center;vertical-align:bottom;max-width:58px;padding:3px 4px;overflow:hidden;
    text-overflow:ellipsis}
    .heat tbody td{min-width:42px;height:32px;padding:0 6px;text-align:center;
    border:1px solid var(--page)}
    .heat .hit{background:color-mix(in srgb,var(--hit) calc(var(--v)*100%),var(--card))}
    .heat .miss{background:color-mix(in srgb,var(--miss) calc(var(--v)*100%),var(--card))}
    .heat .dark{color:#fff}
    .heat .zero{color:var(--base)}
    .heat .recall{color:var(--soft);padding-left:12px;text-align:right}

    """

  private static let drawings = """
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:20px}
    .chart{margin:0;padding:14px 16px 8px;background:var(--card);border:1px solid var(--rule);
    border-radius:10px;break-inside:avoid}
    figcaption{font-size:14px;font-weight:600}
    .legend{list-style:none;margin:3px 0 4px;padding:0;display:flex;flex-wrap:wrap;gap:2px 18px;
    font-size:12.5px;color:var(--soft);min-height:20px}
    .legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:7px;
    vertical-align:middle}
    .legend b{font-weight:600;color:var(--ink)}
    svg{display:block;width:100%;height:auto}
    .grid path{stroke:var(--rule);stroke-width:1}
    .base{stroke:var(--base);stroke-width:1}
    .ticks text{font-size:11.5px;fill:var(--mute)}
    .ticks .end{text-anchor:end}.ticks .mid{text-anchor:middle}
    .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
    .faint{stroke-width:1;opacity:.28}
    circle{stroke:var(--card);stroke-width:1.5}
    .read rect{fill:transparent}.read path{stroke:var(--mute);stroke-width:1;visibility:hidden}
    .read g:hover path{visibility:visible}
    .s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}
    .s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}
    .f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}
    .f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}.f7{fill:var(--c7)}
    .b0{background:var(--c0)}.b1{background:var(--c1)}.b2{background:var(--c2)}
    .b3{background:var(--c3)}.b4{background:var(--c4)}.b5{background:var(--c5)}
    .b6{background:var(--c6)}.b7{background:var(--c7)}.bx{background:var(--cx)}
    .bar{display:flex;gap:2px;height:26px;margin:0 0 14px}
    .bar i{flex-basis:0;min-width:1px}
    .bar i:first-child{border-radius:5px 0 0 5px}.bar i:last-child{border-radius:0 5px 5px 0}
    .grid-heat{margin:0;width:min(100%,560px)}
    .grid-heat figcaption{font-weight:400;font-size:12.5px;color:var(--mute);margin-bottom:8px}
    .grid-heat svg{background:var(--card);border:1px solid var(--rule)}
    rect.hit{fill:var(--hit)}rect.miss{fill:var(--miss)}
    @media print{body{font-size:11px;background:#fff}main{padding:0;max-width:none}
    *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
    pre{max-height:none;white-space:pre-wrap}h2{break-after:avoid}.charts{grid-template-columns:1fr 1fr}
    table,tr,.verdict{break-inside:avoid}}
    """
}
