"""OpenAssistant: one conversation tree per line, in which people ranked the replies (Köpf et al. 2023)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from preceptor.importers.base import Format, ImportConfig
from preceptor.importers.item import Item
from preceptor.records import Message, Prompt, Ranking, Response

ROLES: dict[str, Literal["user", "assistant"]] = {"prompter": "user", "assistant": "assistant"}


class OASST(Format):
    """Every prompter node with at least two ranked replies is a ranking; its prompt is the way from the root to it."""

    name = "oasst"
    title = 'OpenAssistant trees: {"message_tree_id", "prompt": {"text", "role", "replies": […]}}'

    class Config(ImportConfig):
        """Settings of the OpenAssistant importer."""

        synthetic: Literal["keep", "drop"] = "keep"
        """Whether replies that a model wrote, not a person, take part; they are counted either way."""

    @classmethod
    def fits(cls, row: Mapping[str, Any] | None) -> bool:
        """A row holds a tree."""
        return row is not None and "message_tree_id" in row and isinstance(row.get("prompt"), dict)

    def records(self, item: Item) -> Iterable[Ranking]:
        """The rankings of one tree."""
        self.counts["trees"] += 1
        root = item.inside("prompt")
        yield from self._walk(root, [], item.name("message_tree_id"), root.name("user_id"))

    def prompts(self, item: Item) -> Iterable[Prompt]:
        """Every prompter node of one tree. They all belong to the user who began it, so that no tree is parted."""
        root = item.inside("prompt")
        yield from self._asked(root, [], item.name("message_tree_id"), root.name("user_id"))

    def _asked(self, node: Item, before: list[Message], tree: str | None, user: str | None) -> Iterator[Prompt]:
        messages = self._with(node, before)
        if messages is None:
            return
        if messages[-1].role == "user":
            yield self._prompt(node, messages, tree, user)
        for reply in node.each("replies") if node.has("replies") else []:
            yield from self._asked(reply, messages, tree, user)

    def _walk(self, node: Item, before: list[Message], tree: str | None, user: str | None) -> Iterator[Ranking]:
        messages = self._with(node, before)
        if messages is None:
            return
        replies = node.each("replies") if node.has("replies") else []
        if messages[-1].role == "user" and replies:
            yield from self._ranking(node, messages, replies, tree, user)
        for reply in replies:
            yield from self._walk(reply, messages, tree, user)

    def _with(self, node: Item, before: list[Message]) -> list[Message] | None:
        """The conversation up to this node; None where the node does not count."""
        if node.text("role") not in ROLES:
            raise node.bad("unknown role", f"is {node.value['role']!r}, not prompter or assistant", field="role")
        self.counts["messages"] += 1
        if node.value.get("deleted") or node.value.get("review_result") is False:
            self.dropped["message deleted or turned down in review, with all that follows"] += 1
            return None
        return [*before, Message(role=ROLES[node.text("role")], content=node.text("text"))]

    def _prompt(self, node: Item, messages: list[Message], tree: str | None, user: str | None) -> Prompt:
        metadata = {"tree": tree, "language": node.value.get("lang")}
        return self.prompt(messages, id=node.text("message_id"), user=user, metadata=metadata)

    def _ranking(
        self, node: Item, messages: list[Message], replies: list[Item], tree: str | None, user: str | None
    ) -> Iterator[Ranking]:
        ranked = [reply for reply in replies if self._takes_part(reply)]
        if len(ranked) < 2:
            self.dropped["prompt with fewer than two ranked replies"] += 1
            return
        responses = tuple(
            Response(id=reply.text("message_id"), text=reply.text("text"), model=reply.name("model_name"))
            for reply in ranked
        )
        self.count_responses(responses)
        ranks = {reply.text("message_id"): reply.value["rank"] for reply in ranked}
        self.counts["synthetic prompts"] += bool(node.value.get("synthetic"))
        self.counts["pairs"] += len(ranked) * (len(ranked) - 1) // 2
        prompt = self._prompt(node, messages, tree, user)
        groups = tuple(tuple(name for name in ranks if ranks[name] == rank) for rank in sorted(set(ranks.values())))
        yield Ranking(id=prompt.id, prompt=prompt, responses=responses, groups=groups, labeler=self.labeler(None))

    def _takes_part(self, reply: Item) -> bool:
        if reply.value.get("deleted") or reply.value.get("review_result") is False:
            return False
        if not reply.has("rank"):
            self.dropped["reply without a rank"] += 1
            return False
        if not isinstance(reply.value["rank"], int):
            raise reply.bad("malformed rank", f"expected a whole number, got {reply.value['rank']!r}", field="rank")
        self.counts["synthetic responses"] += bool(reply.value.get("synthetic"))
        if self.config.synthetic == "drop" and reply.value.get("synthetic"):
            self.dropped["synthetic reply"] += 1
            return False
        return True
