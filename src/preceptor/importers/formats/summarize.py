"""Summarize-from-feedback: comparisons and axis ratings of summaries (Stiennon et al. 2020)."""

from collections.abc import Iterable, Mapping
from typing import Any

from preceptor.importers.base import Format, ImportConfig, row_id
from preceptor.importers.item import Item
from preceptor.records import Prompt, Ranking, Rating, Record, Response


class Summarize(Format):
    """A comparison becomes a ranking of two; a row of axis ratings becomes a rating by its 'overall' axis.

    The worker is the labeler; policy names, confidence and the published split are kept as metadata.
    """

    name = "summarize"
    title = 'summarize-from-feedback: {"info", "summaries": [2], "choice", "worker"} or {"info", "summary", "worker"}'

    class Config(ImportConfig):
        """Settings of the summarize-from-feedback importer."""

        post_template: str = "Summarize this post.\n\nSUBREDDIT: r/{subreddit}\n\nTITLE: {title}\n\nPOST: {post}"
        """The user message for a post; {subreddit}, {title} and {post} are filled in."""
        article_template: str = "Summarize this article.\n\n{article}"
        """The user message for a news article; {article} is filled in."""

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row has `info` and what was judged."""
        return row is not None and "info" in row and ("summaries" in row or "summary" in row)

    def records(self, item: Item) -> Iterable[Record]:
        """One ranking or one rating."""
        yield self._rating(item) if "summary" in item.value else self._ranking(item)

    def _ranking(self, item: Item) -> Ranking:
        summaries = item.each("summaries")
        if len(summaries) != 2:
            raise item.bad("not two summaries", f"expected 2 summaries, got {len(summaries)}", field="summaries")
        choice = item.value.get("choice")
        if choice not in (0, 1):
            raise item.bad(
                "choice names no summary",
                f"is {choice!r}, but there are only summaries 0 and 1",
                field="choice",
            )
        responses = tuple(_response(str(number), summary) for number, summary in enumerate(summaries))
        self.count_responses(responses)
        return Ranking(
            id=row_id(item),
            prompt=self._prompt(item.inside("info")),
            responses=responses,
            groups=((str(choice),), (str(1 - choice),)),
            labeler=self.labeler(item.name("worker")),
            metadata=item.rest("info", "summaries", "choice", "worker"),
        )

    def _rating(self, item: Item) -> Rating:
        summary = item.inside("summary")
        overall = summary.inside("axes").value.get("overall")
        if not isinstance(overall, int):
            raise item.bad("no overall rating", f"expected 1 to 7, got {overall!r}", field="summary.axes.overall")
        return Rating(
            id=row_id(item),
            prompt=self._prompt(item.inside("info")),
            response=_response("0", summary),
            likert=overall,
            labeler=self.labeler(item.name("worker")),
            metadata=item.rest("info", "summary", "worker") | {"axes": summary.value["axes"]},
        )

    def _prompt(self, info: Item) -> Prompt:
        if info.has("article"):
            text = self.config.article_template.format(article=info.text("article").strip())
        else:
            parts = {
                "subreddit": info.name("subreddit"),
                "title": info.name("title"),
                "post": info.text("post").strip(),
            }
            text = self.config.post_template.format(**parts)
        fields = {"id": info.name("id")} if info.has("id") else {}
        return self.prompt(
            text, use_case="summarization", metadata=info.rest("id", "post", "article", "title"), **fields
        )


def _response(name: str, summary: Item) -> Response:
    return Response(id=name, text=summary.text("text").strip(), model=summary.name("policy"))
