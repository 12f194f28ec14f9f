"""The HTML of reports, as far as the tests look at it."""

import html.parser


class Page(html.parser.HTMLParser):
    """What a report's HTML refers to, and whether its elements are closed in order."""

    VOID = {"meta", "br", "image", "use", "path", "rect", "circle"}

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.articles, self.figures = [], [], 0, 0
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href")]
        self.articles += tag == "article"
        self.figures += tag == "figure"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
